// DnsReply: builds replies of a DNS server byte by byte, right and wrong ones.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/dns_question.h"

namespace sluice {

using DnsBytes = std::vector<std::uint8_t>;

inline void put_16(DnsBytes& out, unsigned number) {
  out.push_back(static_cast<std::uint8_t>(number >> 8));
  out.push_back(static_cast<std::uint8_t>(number & 0xFF));
}

// "a.test" as labels, without compression; "" is the root.
inline DnsBytes dns_name(std::string_view name) {
  DnsBytes out;
  while (!name.empty()) {
    const std::string_view label = name.substr(0, name.find('.'));
    out.push_back(static_cast<std::uint8_t>(label.size()));
    out.insert(out.end(), label.begin(), label.end());
    name.remove_prefix(std::min(name.size(), label.size() + 1));
  }
  out.push_back(0);
  return out;
}

inline DnsBytes mx_data(unsigned preference, std::string_view exchange) {
  DnsBytes out;
  put_16(out, preference);
  const DnsBytes name = dns_name(exchange);
  out.insert(out.end(), name.begin(), name.end());
  return out;
}

// Of a zone whose negative answers hold so long.
inline DnsBytes soa_data(unsigned minimum) {
  DnsBytes out = dns_name("ns.test");
  const DnsBytes mailbox = dns_name("hostmaster.test");
  out.insert(out.end(), mailbox.begin(), mailbox.end());
  for (int i = 0; i < 8; ++i) put_16(out, 0);  // serial, refresh, retry, expire
  put_16(out, 0);
  put_16(out, minimum);
  return out;
}

class DnsReply {
 public:
  explicit DnsReply(const DnsQuestion& question, unsigned code = 0)
      : question_(question), flags_(0x8180u | code) {}

  DnsReply& answer(std::string_view owner, unsigned type, unsigned ttl, const DnsBytes& data) {
    ++answers_;
    put_record(owner, type, ttl, data);
    return *this;
  }
  DnsReply& authority(std::string_view owner, unsigned type, unsigned ttl, const DnsBytes& data) {
    ++authorities_;
    put_record(owner, type, ttl, data);
    return *this;
  }
  DnsReply& flag(unsigned bits) {
    flags_ |= bits;
    return *this;
  }

  DnsBytes bytes(unsigned id = 7) const {
    DnsBytes out;
    for (const unsigned number : {id, flags_, 1u, answers_, authorities_, 0u}) put_16(out, number);
    const DnsBytes name = dns_name(question_.name);
    out.insert(out.end(), name.begin(), name.end());
    put_16(out, static_cast<unsigned>(question_.type));
    put_16(out, 1);
    out.insert(out.end(), records_.begin(), records_.end());
    return out;
  }

 private:
  void put_record(std::string_view owner, unsigned type, unsigned ttl, const DnsBytes& data) {
    const DnsBytes name = dns_name(owner);
    records_.insert(records_.end(), name.begin(), name.end());
    for (const unsigned number : {type, 1u, ttl >> 16, ttl & 0xFFFF}) put_16(records_, number);
    put_16(records_, static_cast<unsigned>(data.size()));
    records_.insert(records_.end(), data.begin(), data.end());
  }

  DnsQuestion question_;
  unsigned flags_;
  unsigned answers_ = 0;
  unsigned authorities_ = 0;
  DnsBytes records_;
};

}  // namespace sluice
