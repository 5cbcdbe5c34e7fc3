// Certificates as an operator would have them: made by the openssl program, in files.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tls/certificate.h"
#include "tls/library.h"
#include "tls/server_context.h"

namespace sluice::tls {

// A directory with certificates, gone with the test.
class CertificateDirectory {
 public:
  CertificateDirectory() {
    EXPECT_TRUE(initialise().has_value());
    std::string path = (std::filesystem::temp_directory_path() / "sluice-tls-XXXXXX").string();
    EXPECT_NE(::mkdtemp(path.data()), nullptr);
    path_ = path;
  }
  ~CertificateDirectory() { std::filesystem::remove_all(path_); }

  std::string file(std::string_view name) const { return (path_ / name).string(); }

  // `key`: what `openssl req -newkey` takes. Files NAME.pem and NAME.key.
  void make(std::string_view name, std::string_view key, std::string_view names) const {
    const std::string command = fmt::format(
        "openssl req -x509 -nodes -newkey {} -days 90 -subj /CN=test -addext subjectAltName={} "
        "-out {} -keyout {} 2>/dev/null",
        key, names, file(fmt::format("{}.pem", name)), file(fmt::format("{}.key", name)));
    EXPECT_EQ(::system(command.c_str()), 0) << command;  // NOLINT(concurrency-mt-unsafe)
  }
  Certificate load(std::string_view name) const {
    auto loaded =
        Certificate::load(file(fmt::format("{}.pem", name)), file(fmt::format("{}.key", name)));
    EXPECT_TRUE(loaded.has_value()) << loaded.error().sentence();
    return *std::move(loaded);
  }

 private:
  std::filesystem::path path_;
};

inline constexpr std::string_view kRsa = "rsa:2048";
inline constexpr std::string_view kEcdsa = "ec -pkeyopt ec_paramgen_curve:prime256v1";

// One of each kind for mx.example.com, made once.
inline const CertificateDirectory& certificates() {
  static const auto directory = [] {
    auto made = std::make_unique<CertificateDirectory>();
    made->make("rsa", kRsa, "DNS:mx.example.com,DNS:*.wild.example");
    made->make("ecdsa", kEcdsa, "DNS:mx.example.com,DNS:*.wild.example");
    made->make("other", kEcdsa, "DNS:other.example");
    return made;
  }();
  return *directory;
}

inline std::shared_ptr<const ServerContext> make_context(
    const std::vector<std::string>& names, MinVersion min_version = MinVersion::tls_1_2,
    std::shared_ptr<TicketKeys> keys = nullptr) {
  ServerContext::Settings settings{
      .certificates = {}, .min_version = min_version, .ticket_keys = std::move(keys)};
  if (settings.ticket_keys == nullptr) {
    settings.ticket_keys = std::make_shared<TicketKeys>(Clock().now());
  }
  for (const std::string& name : names) settings.certificates.push_back(certificates().load(name));
  auto context = ServerContext::make(std::move(settings));
  EXPECT_TRUE(context.has_value()) << context.error().sentence();
  return *std::move(context);
}

}  // namespace sluice::tls
