#include "core/listen_socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "tests/unit/core/shard_fixture.h"
#include "tests/unit/core/temporary_directory.h"

namespace sluice {
namespace {

TEST(ListenSocket, SaysWhichPortIsTaken) {
  const auto first = ListenSocket::bind_tcp(loopback());
  ASSERT_TRUE(first);
  EXPECT_NE(first->endpoint().port, 0);
  const auto second = ListenSocket::bind_tcp(first->endpoint());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::refused);
  EXPECT_NE(second.error().sentence().find(first->endpoint().to_string()), std::string::npos);
  EXPECT_NE(second.error().sentence().find("the port is taken"), std::string::npos);
}

TEST(ListenSocket, SaysThatAnAddressIsNotOurs) {
  const auto bound = ListenSocket::bind_tcp(*Endpoint::parse("192.0.2.1:2525"));
  ASSERT_FALSE(bound);
  EXPECT_NE(bound.error().sentence().find("no such address"), std::string::npos);
}

TEST(ListenSocket, UnixSocketsAreForOwnerAndGroup) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("control.sock");
  {
    const auto bound = ListenSocket::bind_unix(path);
    ASSERT_TRUE(bound);
    struct stat status{};
    ASSERT_EQ(stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777u, 0660u);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(ListenSocket, ReplacesAStaleSocketButNotOneInUse) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("control.sock");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int stale = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_GE(stale, 0);
  ASSERT_EQ(bind(stale, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  close(stale);
  ASSERT_TRUE(std::filesystem::exists(path));
  const auto first = ListenSocket::bind_unix(path);
  ASSERT_TRUE(first) << first.error().sentence();
  const auto second = ListenSocket::bind_unix(path);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::refused);
}

TEST(ListenSocket, LeavesAFileThatIsNoSocketAlone) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("precious");
  std::ofstream(path) << "data";
  const auto bound = ListenSocket::bind_unix(path);
  ASSERT_FALSE(bound);
  EXPECT_EQ(bound.error().code(), ErrorCode::already_exists);
  EXPECT_TRUE(std::filesystem::is_regular_file(path));
}

TEST(ListenSocket, BoundsThePathOfASocket) {
  const TemporaryDirectory directory;
  const std::size_t longest = sizeof(sockaddr_un::sun_path) - 1;
  const std::string base = directory.file("");
  const std::string path = base + std::string(longest - base.size(), 'x');
  EXPECT_TRUE(ListenSocket::bind_unix(path));
  const auto too_long = ListenSocket::bind_unix(path + "x");
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().code(), ErrorCode::invalid_argument);
  EXPECT_FALSE(ListenSocket::bind_unix(""));
}

}  // namespace
}  // namespace sluice
