// ScriptedServer: an SMTP server without I/O. It keeps the rules of RFC 5321 and 3030, and the test
// changes single answers. What it accepted can be read afterwards, with sender and body.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::smtp {

class ScriptedServer {
 public:
  struct Message {
    std::string sender;
    std::vector<std::string> recipients;
    std::string body;
    friend bool operator==(const Message&, const Message&) = default;
  };

  // What is said instead of the server's own answer to a line, or to "<body>" at the end of a
  // message; nothing for its own. Lines end in CRLF, "" says nothing. A positive own answer is
  // what changes the server's state; another one only if it is positive too.
  using Override = std::function<std::optional<std::string>(std::string_view line)>;

  std::string greeting = "220 mx.test ESMTP\r\n";
  std::vector<std::string> extensions = {"PIPELINING", "CHUNKING", "8BITMIME", "SIZE 1000000",
                                         "ENHANCEDSTATUSCODES"};
  Override override_with = [](std::string_view) { return std::nullopt; };
  // Keeps MAIL when every recipient and the body were refused, as Exim does: the next MAIL is
  // nested and refused, its recipients join the old transaction. Only RSET ends it.
  bool is_sticky = true;

  // The server takes these bytes; returns what it answers.
  std::string receive(std::string_view bytes) {
    input_ += bytes;
    std::string answers;
    while (!is_closed && take_step(answers)) {
    }
    return answers;
  }

  bool is_closed = false;  // set by QUIT, or by an override
  std::vector<std::string> lines;
  std::vector<Message> messages;

 private:
  bool take_step(std::string& answers) {
    if (chunk_bytes_) return take_chunk(answers);
    if (is_in_data_) return take_data(answers);
    const std::size_t end = input_.find("\r\n");
    if (end == std::string::npos) return false;
    const std::string line = input_.substr(0, end);
    input_.erase(0, end + 2);
    lines.push_back(line);
    take_line(line, answers);
    return true;
  }

  bool take_chunk(std::string& answers) {
    if (input_.size() < *chunk_bytes_) return false;
    body_ = input_.substr(0, *chunk_bytes_);
    input_.erase(0, *chunk_bytes_);
    chunk_bytes_.reset();
    const bool has_transaction = is_in_mail_ && !message_.recipients.empty();
    end_message(has_transaction ? "250 2.0.0 queued\r\n" : "503 5.5.1 no transaction\r\n", answers);
    return true;
  }

  bool take_data(std::string& answers) {
    const bool is_empty = input_.starts_with(".\r\n");
    const std::size_t end = is_empty ? 0 : input_.find("\r\n.\r\n");
    if (end == std::string::npos) return false;
    body_ = is_empty ? "" : unstuffed(input_.substr(0, end + 2));
    input_.erase(0, is_empty ? 3 : end + 5);
    is_in_data_ = false;
    const bool has_recipients = !message_.recipients.empty();
    end_message(has_recipients ? "250 2.0.0 queued\r\n" : "554 5.5.1 no recipients\r\n", answers);
    return true;
  }

  static std::string unstuffed(std::string_view text) {
    std::string body;
    while (!text.empty()) {
      const std::size_t line = std::min(text.find("\r\n"), text.size() - 2) + 2;
      body += text.substr(0, line).substr(text.starts_with('.') ? 1 : 0);
      text.remove_prefix(line);
    }
    return body;
  }

  void end_message(const std::string& own, std::string& answers) {
    lines.emplace_back("<body>");
    if (!say("<body>", own, answers)) return;
    message_.body = body_;
    messages.push_back(message_);
    clear();
  }

  void clear() {
    is_in_mail_ = false;
    message_ = Message();
  }

  // Adds the answer; true when it is positive and so the step counts.
  bool say(std::string_view line, const std::string& own, std::string& answers) {
    const std::string answer = override_with(line).value_or(own);
    answers += answer;
    return answer.starts_with('2') || answer.starts_with('3');
  }

  void take_line(const std::string& line, std::string& answers) {
    if (line.starts_with("EHLO")) {
      say(line, hello(), answers);
    } else if (line.starts_with("RSET")) {
      if (say(line, "250 2.0.0 reset\r\n", answers)) clear();
    } else if (line.starts_with("MAIL FROM:<")) {
      take_mail(line, answers);
    } else if (line.starts_with("RCPT TO:<")) {
      const std::string own = is_in_mail_ ? "250 2.1.5 ok\r\n" : "503 5.5.1 no MAIL\r\n";
      if (say(line, own, answers)) message_.recipients.push_back(path_in(line));
    } else if (line.starts_with("BDAT ")) {
      chunk_bytes_ = std::stoull(line.substr(5));
    } else if (line == "DATA") {
      const bool is_ready = is_in_mail_ && !message_.recipients.empty();
      is_in_data_ = say(line, is_ready ? "354 go\r\n" : "503 5.5.1 no recipients\r\n", answers);
    } else if (line == "QUIT") {
      say(line, "221 2.0.0 bye\r\n", answers);
      is_closed = true;
    } else {
      say(line, line.starts_with("HELO") ? "250 mx.test\r\n" : "500 5.5.2 what?\r\n", answers);
    }
  }

  void take_mail(const std::string& line, std::string& answers) {
    if (is_in_mail_ && !is_sticky) clear();
    const std::string own = is_in_mail_ ? "503 5.5.1 nested MAIL\r\n" : "250 2.1.0 ok\r\n";
    if (!say(line, own, answers)) return;
    clear();
    is_in_mail_ = true;
    message_.sender = path_in(line);
  }

  std::string hello() const {
    std::string answer = extensions.empty() ? "250 mx.test\r\n" : "250-mx.test\r\n";
    for (std::size_t i = 0; i < extensions.size(); ++i) {
      answer += i + 1 == extensions.size() ? "250 " : "250-";
      answer += extensions[i] + "\r\n";
    }
    return answer;
  }

  static std::string path_in(const std::string& line) {
    const std::size_t start = line.find('<') + 1;
    return line.substr(start, line.find('>', start) - start);
  }

  std::string input_;
  std::string body_;
  Message message_;
  std::optional<std::size_t> chunk_bytes_;
  bool is_in_mail_ = false;
  bool is_in_data_ = false;
};

}  // namespace sluice::smtp
