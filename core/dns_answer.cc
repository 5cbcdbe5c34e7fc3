#include "core/dns_answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace sluice {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kWireNameBytesMax = 255;
constexpr unsigned kJumpsMax = 128;
constexpr std::uint16_t kClassInternet = 1;
constexpr std::uint32_t kTtlMax = 0x7FFFFFFF;  // RFC 2181 §8: a larger one is none
constexpr std::size_t kTlsaFieldBytes = 3;

// A record as it lies in the reply.
struct RawRecord {
  std::string owner;
  std::uint16_t type;
  std::uint16_t klass;
  std::uint32_t ttl;
  std::size_t data_begin;
  Bytes data;
};

std::unexpected<Error> malformed(const char* what) {
  return fail(ErrorCode::syntax, fmt::format("malformed DNS reply: {}", what));
}

class ReplyReader {
 public:
  explicit ReplyReader(Bytes reply) : reply_(reply) {}

  std::size_t position() const { return position_; }
  void move_to(std::size_t position) { position_ = position; }

  Result<std::uint16_t> number() {
    if (reply_.size() - position_ < 2) return malformed("it ends early");
    const auto high = static_cast<unsigned>(reply_[position_]) << 8;
    position_ += 2;
    return static_cast<std::uint16_t>(high | reply_[position_ - 1]);
  }

  Result<std::uint32_t> long_number() {
    SLUICE_TRY(high, number());
    SLUICE_TRY(low, number());
    return static_cast<std::uint32_t>(high) << 16 | low;
  }

  Result<Bytes> bytes(std::size_t count) {
    if (reply_.size() - position_ < count) return malformed("a record is longer than the reply");
    position_ += count;
    return reply_.subspan(position_ - count, count);
  }

  // RFC 1035 §4.1.4: labels, then a pointer to earlier ones. Pointers lead backwards only, so that
  // no chain of them is endless.
  Result<std::string> name();
  Result<RawRecord> record();

 private:
  Bytes reply_;
  std::size_t position_ = 0;
};

// A byte that a host's name may have stays; any other is written as \DDD (RFC 4343 §2.1), so that
// no dot within a label is taken for one between labels.
void append_label_byte(std::string& name, std::uint8_t byte) {
  const char c = static_cast<char>(byte);
  if (c >= 'A' && c <= 'Z') {
    name += static_cast<char>(c - 'A' + 'a');
  } else if (c > ' ' && byte < 0x7F && c != '.' && c != '\\') {
    name += c;
  } else {
    name += fmt::format("\\{:03}", byte);
  }
}

Result<std::string> ReplyReader::name() {
  std::string name;
  std::size_t wire_bytes = 0;
  std::size_t at = position_;
  std::size_t bound = position_;  // pointers lead before this
  std::optional<std::size_t> after;
  for (unsigned jumps = 0;;) {
    if (at >= reply_.size()) return malformed("a name ends early");
    const std::uint8_t length = reply_[at];
    if ((length & 0xC0) == 0xC0) {
      if (reply_.size() - at < 2) return malformed("a name ends early");
      if (!after) after = at + 2;
      at = static_cast<std::size_t>(length & 0x3F) << 8 | reply_[at + 1];
      if (at >= bound || ++jumps > kJumpsMax) return malformed("a name points to itself");
      bound = at;
      continue;
    }
    if (length > kDnsLabelBytesMax) return malformed("a label of an unknown kind");
    if (length == 0) break;
    wire_bytes += length + 1u;
    if (wire_bytes >= kWireNameBytesMax) return malformed("a name is too long");
    if (reply_.size() - at <= length) return malformed("a name ends early");
    if (!name.empty()) name += '.';
    for (const std::uint8_t byte : reply_.subspan(at + 1, length)) append_label_byte(name, byte);
    at += length + 1u;
  }
  position_ = after.value_or(at + 1);
  return name;
}

Result<RawRecord> ReplyReader::record() {
  SLUICE_TRY(owner, name());
  SLUICE_TRY(type, number());
  SLUICE_TRY(klass, number());
  SLUICE_TRY(ttl, long_number());
  SLUICE_TRY(length, number());
  const std::size_t data_begin = position_;
  SLUICE_TRY(data, bytes(length));
  return RawRecord{.owner = std::move(owner),
                   .type = type,
                   .klass = klass,
                   .ttl = ttl > kTtlMax ? 0 : ttl,
                   .data_begin = data_begin,
                   .data = data};
}

Duration seconds(std::uint32_t count) { return std::chrono::seconds(count); }

// A name within a record's data.
Result<std::string> name_in(Bytes reply, const RawRecord& record, std::size_t offset) {
  if (offset > record.data.size()) return malformed("a record is too short for its type");
  ReplyReader reader(reply);
  reader.move_to(record.data_begin + offset);
  SLUICE_TRY(name, reader.name());
  if (reader.position() > record.data_begin + record.data.size()) {
    return malformed("a name reaches out of its record");
  }
  return name;
}

Result<IpAddress> address_of(const RawRecord& record, DnsType type) {
  if (type == DnsType::a) {
    if (record.data.size() != 4) return malformed("an A record without four bytes");
    std::uint32_t number = 0;
    for (const std::uint8_t byte : record.data) number = number << 8 | byte;
    return IpAddress::v4(number);
  }
  std::array<std::uint8_t, 16> bytes{};
  if (record.data.size() != bytes.size()) return malformed("an AAAA record without 16 bytes");
  std::ranges::copy(record.data, bytes.begin());
  return IpAddress::from_bytes(bytes);
}

// RFC 1035 §3.3.14: strings, each behind its length; for readers they are one text.
Result<std::string> text_of(const RawRecord& record) {
  std::string text;
  for (Bytes left = record.data; !left.empty();) {
    const std::size_t length = left[0];
    if (left.size() - 1 < length) return malformed("a string is longer than its record");
    const Bytes part = left.subspan(1, length);
    if (text.size() + length <= kDnsTextBytesMax) text.append(part.begin(), part.end());
    left = left.subspan(length + 1);
  }
  return text;
}

Result<void> take_record(Bytes reply, const RawRecord& record, DnsAnswer& answer) {
  const auto type = static_cast<DnsType>(record.type);
  switch (type) {
    case DnsType::a:
    case DnsType::aaaa: {
      SLUICE_TRY(address, address_of(record, type));
      answer.addresses.push_back(address);
      return {};
    }
    case DnsType::mx: {
      SLUICE_TRY(exchange, name_in(reply, record, 2));
      const auto preference = static_cast<std::uint16_t>(record.data[0] << 8 | record.data[1]);
      answer.exchanges.push_back(MxRecord{preference, std::move(exchange)});
      return {};
    }
    case DnsType::txt: {
      SLUICE_TRY(text, text_of(record));
      answer.texts.push_back(std::move(text));
      return {};
    }
    case DnsType::ptr: {
      SLUICE_TRY(name, name_in(reply, record, 0));
      answer.texts.push_back(std::move(name));
      return {};
    }
    case DnsType::tlsa: {
      if (record.data.size() <= kTlsaFieldBytes) return malformed("a TLSA record without data");
      const Bytes data = record.data.subspan(kTlsaFieldBytes);
      answer.associations.push_back(TlsaRecord{.usage = record.data[0],
                                               .selector = record.data[1],
                                               .matching = record.data[2],
                                               .data = {data.begin(), data.end()}});
      return {};
    }
    case DnsType::cname:
    case DnsType::soa:
      return {};
  }
  return {};
}

struct Header {
  std::uint16_t flags;
  std::uint16_t questions;
  std::uint16_t answers;
  std::uint16_t authorities;

  unsigned code() const { return flags & 0xF; }
  bool is_reply() const { return (flags & 0x8000) != 0; }
  bool is_authentic() const { return (flags & 0x0020) != 0; }
};

Result<Header> read_header(ReplyReader& reader) {
  SLUICE_TRY(id, reader.number());
  static_cast<void>(id);  // whoever received the reply has compared it
  SLUICE_TRY(flags, reader.number());
  SLUICE_TRY(questions, reader.number());
  SLUICE_TRY(answers, reader.number());
  SLUICE_TRY(authorities, reader.number());
  SLUICE_TRY(additional, reader.number());
  static_cast<void>(additional);  // nothing in there is used
  return Header{flags, questions, answers, authorities};
}

// RFC 1035 §4.1.1, RFC 6895 §2.3.
std::string code_name(unsigned code) {
  static constexpr std::array kNames{"NOERROR",  "FORMERR", "SERVFAIL",
                                     "NXDOMAIN", "NOTIMP",  "REFUSED"};
  return code < kNames.size() ? kNames[code] : fmt::format("code {}", code);
}

Result<void> check_question(ReplyReader& reader, const Header& header,
                            const DnsQuestion& question) {
  if (!header.is_reply()) return malformed("it is a query");
  if (header.questions != 1) return malformed("it answers other than one question");
  SLUICE_TRY(name, reader.name());
  SLUICE_TRY(type, reader.number());
  SLUICE_TRY(klass, reader.number());
  const bool is_asked = name == question.name && klass == kClassInternet &&
                        type == static_cast<std::uint16_t>(question.type);
  if (!is_asked) return malformed("it answers another question");
  return {};
}

// The records of one section, as many as are taken.
Result<std::vector<RawRecord>> read_records(ReplyReader& reader, std::uint16_t count) {
  std::vector<RawRecord> records;
  for (unsigned i = 0; i < count; ++i) {
    SLUICE_TRY(record, reader.record());
    const bool is_taken = record.klass == kClassInternet && records.size() < kDnsRecordsMax;
    if (is_taken) records.push_back(std::move(record));
  }
  return records;
}

// Follows the aliases from the question's name; each shortens the life of the answer to its own.
Result<bool> follow_aliases(Bytes reply, const std::vector<RawRecord>& records, DnsAnswer& answer) {
  for (unsigned followed = 0; followed <= kDnsAliasesMax; ++followed) {
    const auto alias = std::ranges::find_if(records, [&answer](const RawRecord& record) {
      return record.type == static_cast<std::uint16_t>(DnsType::cname) &&
             record.owner == answer.name;
    });
    if (alias == records.end()) return followed > 0;
    SLUICE_TRY(target, name_in(reply, *alias, 0));
    answer.name = std::move(target);
    answer.ttl = std::min(answer.ttl, seconds(alias->ttl));
  }
  return malformed("its aliases lead in a circle, or too far");
}

// RFC 2308 §5: how long it holds that there is nothing; nothing says so without an SOA record.
std::optional<Duration> negative_ttl(Bytes reply, const std::vector<RawRecord>& authorities) {
  for (const RawRecord& record : authorities) {
    if (record.type != static_cast<std::uint16_t>(DnsType::soa) || record.data.size() < 22)
      continue;
    ReplyReader reader(reply);
    reader.move_to(record.data_begin + record.data.size() - 4);
    const auto minimum = reader.long_number();
    if (minimum) return std::min(seconds(record.ttl), seconds(*minimum));
  }
  return std::nullopt;
}

}  // namespace

Result<DnsAnswer> parse_dns_answer(std::span<const std::uint8_t> reply,
                                   const DnsQuestion& question) {
  if (reply.size() < kHeaderBytes) return malformed("it ends within its header");
  ReplyReader reader(reply);
  SLUICE_TRY(header, read_header(reader));
  if (auto checked = check_question(reader, header, question); !checked) {
    return std::unexpected(std::move(checked).error());
  }
  constexpr unsigned kNoError = 0;
  constexpr unsigned kNameError = 3;
  if (header.code() != kNoError && header.code() != kNameError) {
    return fail(ErrorCode::refused, "the DNS server answers " + code_name(header.code()));
  }
  SLUICE_TRY(records, read_records(reader, header.answers));
  SLUICE_TRY(authorities, read_records(reader, header.authorities));

  DnsAnswer answer{.name = question.name, .ttl = seconds(kTtlMax)};
  answer.is_authentic = header.is_authentic();
  SLUICE_TRY(is_alias, follow_aliases(reply, records, answer));
  for (const RawRecord& record : records) {
    const bool is_it =
        record.owner == answer.name && record.type == static_cast<std::uint16_t>(question.type);
    if (!is_it) continue;
    if (auto taken = take_record(reply, record, answer); !taken) {
      return std::unexpected(std::move(taken).error());
    }
    answer.status = DnsStatus::found;
    answer.ttl = std::min(answer.ttl, seconds(record.ttl));
  }
  if (answer.status == DnsStatus::found) return answer;
  const auto negative = negative_ttl(reply, authorities);
  if (header.code() == kNameError) answer.status = DnsStatus::no_such_name;
  answer.is_unfinished = is_alias && !negative && answer.status == DnsStatus::no_data;
  answer.ttl = std::min(answer.ttl, negative.value_or(Duration(0)));
  return answer;
}

}  // namespace sluice
