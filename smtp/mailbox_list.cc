#include "smtp/mailbox_list.h"

#include <string>
#include <utility>

#include "smtp/ascii.h"

namespace sluice::smtp {
namespace {

// Takes the value apart at its commas, keeping quotes and dropping comments.
class MailboxReader {
 public:
  explicit MailboxReader(std::string_view value) : rest_(value) {}

  // The text of the next mailbox: what stands outside the brackets, and inside, if there are any.
  struct Mailbox {
    std::string plain;
    std::optional<std::string> bracketed;
  };
  // Nothing when it is malformed.
  std::optional<Mailbox> next() {
    Mailbox mailbox;
    while (!rest_.empty() && rest_[0] != ',') {
      const char c = rest_[0];
      std::string* const text =
          mailbox.bracketed && !is_closed_ ? &*mailbox.bracketed : &mailbox.plain;
      if (c == '(') {
        if (!skip_comment()) return std::nullopt;
      } else if (c == '"') {
        if (!take_quoted(*text)) return std::nullopt;
      } else if (c == '<') {
        if (mailbox.bracketed) return std::nullopt;
        mailbox.bracketed.emplace();
        is_closed_ = false;
        rest_.remove_prefix(1);
      } else if (c == '>') {
        if (!mailbox.bracketed || is_closed_) return std::nullopt;
        is_closed_ = true;
        rest_.remove_prefix(1);
      } else if (c == ';' || (c == ':' && text == &mailbox.plain)) {
        return std::nullopt;  // a group
      } else {
        *text += c;
        rest_.remove_prefix(1);
      }
    }
    if (mailbox.bracketed && !is_closed_) return std::nullopt;
    if (!rest_.empty()) rest_.remove_prefix(1);
    return mailbox;
  }
  bool is_at_end() const { return rest_.empty(); }

 private:
  // RFC 5322 §3.2.2: comments nest.
  bool skip_comment() {
    std::size_t depth = 0;
    for (std::size_t i = 0; i < rest_.size(); ++i) {
      if (rest_[i] == '\\') {
        ++i;
        continue;
      }
      if (rest_[i] == '(') ++depth;
      if (rest_[i] == ')' && --depth == 0) {
        rest_.remove_prefix(i + 1);
        return true;
      }
    }
    return false;
  }
  bool take_quoted(std::string& text) {
    for (std::size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == '\\') {
        ++i;
        continue;
      }
      if (rest_[i] != '"') continue;
      text += rest_.substr(0, i + 1);
      rest_.remove_prefix(i + 1);
      return true;
    }
    return false;
  }

  std::string_view rest_;
  bool is_closed_ = true;
};

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

// RFC 5322 §4.4: a route before the address is ignored.
std::string_view without_route(std::string_view text) {
  if (!text.starts_with('@')) return text;
  const std::size_t colon = text.find(':');
  return colon == std::string_view::npos ? text : text.substr(colon + 1);
}

}  // namespace

std::optional<std::vector<Address>> parse_mailbox_list(std::string_view value) {
  std::vector<Address> addresses;
  MailboxReader reader(value);
  while (!reader.is_at_end()) {
    auto mailbox = reader.next();
    if (!mailbox || addresses.size() >= kMailboxesMax) return std::nullopt;
    const std::string_view text =
        mailbox->bracketed ? without_route(trimmed(*mailbox->bracketed)) : trimmed(mailbox->plain);
    auto address = parse_mailbox(text);
    if (!address) return std::nullopt;
    addresses.push_back(*std::move(address));
  }
  if (addresses.empty()) return std::nullopt;
  return addresses;
}

}  // namespace sluice::smtp
