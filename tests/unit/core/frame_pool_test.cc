#include "core/frame_pool.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <set>
#include <thread>
#include <vector>

namespace sluice {
namespace {

// Whatever is taken can be written to its last byte, and overlaps nothing else that is taken.
TEST(FramePool, GivesMemoryOfEverySize) {
  std::vector<std::pair<char*, std::size_t>> frames;
  for (const std::size_t bytes : {1U, 127U, 128U, 129U, 4095U, 4096U, 4097U, 100'000U}) {
    auto* const frame = static_cast<char*>(take_frame(bytes));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(frame) % alignof(std::max_align_t), 0U);
    std::memset(frame, static_cast<int>(frames.size()), bytes);
    frames.emplace_back(frame, bytes);
  }
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const auto [frame, bytes] = frames[i];
    EXPECT_EQ(frame[0], static_cast<char>(i));
    EXPECT_EQ(frame[bytes - 1], static_cast<char>(i));
    give_frame(frame, bytes);
  }
}

TEST(FramePool, KeepsFramesApartThatAreTakenAgain) {
  std::array<void*, 200> frames{};  // more than a thread keeps
  for (int round = 0; round < 3; ++round) {
    for (void*& frame : frames) frame = take_frame(300);
    EXPECT_EQ(std::set<void*>(frames.begin(), frames.end()).size(), frames.size());
    for (void* const frame : frames) give_frame(frame, 300);
  }
}

// Sizes that round up to the same step share a list: the smaller one must not shrink the frame.
TEST(FramePool, MakesAFrameAsLargeAsItsStep) {
  for (int i = 0; i < 100; ++i) {
    give_frame(take_frame(257), 257);
    auto* const frame = static_cast<char*>(take_frame(384));
    std::memset(frame, 1, 384);
    give_frame(frame, 384);
  }
}

TEST(FramePool, TakesBackWhatAnotherThreadTook) {
  std::vector<void*> frames;
  std::thread([&frames] {
    for (int i = 0; i < 10; ++i) frames.push_back(take_frame(512));
  }).join();
  EXPECT_EQ(std::set<void*>(frames.begin(), frames.end()).size(), 10U);
  for (void* const frame : frames) {
    std::memset(frame, 0, 512);
    give_frame(frame, 512);
  }
}

}  // namespace
}  // namespace sluice
