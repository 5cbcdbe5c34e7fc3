#include "relay/credential_cache.h"

#include <cstring>
#include <string>

namespace sluice::relay {

CredentialCache::CredentialCache(Duration kept, std::size_t entries_max)
    : kept_(kept), part_entries_max_((entries_max + kParts - 1) / kParts) {}

bool CredentialCache::knows(const User& user, const Secret& password, Instant now) const {
  const Digest digest = digest_of(user, password);
  const Part& part = part_of(digest);
  const std::lock_guard lock(part.mutex);
  const auto known = part.until.find(digest);
  return known != part.until.end() && now < known->second;
}

void CredentialCache::remember(const User& user, const Secret& password, Instant now) {
  if (kept_ == Duration(0)) return;
  const Digest digest = digest_of(user, password);
  Part& part = part_of(digest);
  const std::lock_guard lock(part.mutex);
  const auto must_go = [&] {
    if (part.oldest_first.empty()) return false;
    return part.oldest_first.size() >= part_entries_max_ ||
           part.until.at(part.oldest_first.front()) <= now;
  };
  if (const auto known = part.until.find(digest); known != part.until.end()) {
    if (now < known->second) return;
  }
  while (must_go()) {
    part.until.erase(part.oldest_first.front());
    part.oldest_first.pop_front();
  }
  part.until.emplace(digest, now + kept_);
  part.oldest_first.push_back(digest);
}

std::size_t CredentialCache::size() const {
  std::size_t size = 0;
  for (const Part& part : parts_) {
    const std::lock_guard lock(part.mutex);
    size += part.until.size();
  }
  return size;
}

CredentialCache::Digest CredentialCache::digest_of(const User& user, const Secret& password) const {
  const std::string generation = std::to_string(user.generation.value());
  const std::array<std::string_view, 3> texts = {generation, user.settings.name, password.reveal()};
  return digests_.of(texts);
}

// Nobody can choose a digest without the key, so any bytes of it will do.
std::size_t CredentialCache::DigestHash::operator()(const Digest& digest) const noexcept {
  std::size_t hash = 0;
  std::memcpy(&hash, digest.data() + 8, sizeof hash);
  return hash;
}

}  // namespace sluice::relay
