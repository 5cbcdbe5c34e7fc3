// Real certificates, made by openssl when a test first asks for them.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/core/temporary_directory.h"
#include "tests/unit/tls/child_process.h"
#include "tls/certificate.h"
#include "tls/client_context.h"
#include "tls/library.h"
#include "tls/server_context.h"

namespace sluice::tls {

struct CertificateFiles {
  std::string certificate;
  std::string key;
};

// Makes certificates below an authority of its own.
class TestCertificates {
 public:
  TestCertificates() {
    EXPECT_TRUE(initialise().has_value());
    openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-keyout", directory_.file("ca.key"), "-out", authorities_file(), "-days", "30",
             "-subj", "/CN=Test authority"});
  }

  std::string authorities_file() const { return directory_.file("ca.pem"); }
  std::string file(const std::string& name) const { return directory_.file(name); }

  // `key` as openssl's -newkey takes it: "rsa:2048", "ec:P-256", "ed25519"; `names` as a list:
  // "DNS:a.example,DNS:*.b.example".
  CertificateFiles make(const std::string& key, const std::string& names) {
    const std::string stem = directory_.file(std::to_string(++made_));
    std::vector<std::string> arguments = {"req",
                                          "-x509",
                                          "-nodes",
                                          "-keyout",
                                          stem + ".key",
                                          "-out",
                                          stem + ".pem",
                                          "-days",
                                          "20",
                                          "-CA",
                                          authorities_file(),
                                          "-CAkey",
                                          directory_.file("ca.key"),
                                          "-subj",
                                          "/CN=common.example.com"};
    if (key.starts_with("ec:")) {
      arguments.insert(arguments.end(),
                       {"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:" + key.substr(3)});
    } else {
      arguments.insert(arguments.end(), {"-newkey", key});
    }
    if (!names.empty()) {
      arguments.insert(arguments.end(), {"-addext", "subjectAltName=" + names});
    }
    openssl(std::move(arguments));
    return {stem + ".pem", stem + ".key"};
  }

  std::shared_ptr<const Certificate> load(const std::string& key, const std::string& names) {
    const CertificateFiles files = make(key, names);
    auto loaded = Certificate::load(files.certificate, files.key);
    EXPECT_TRUE(loaded.has_value()) << loaded.error().sentence();
    return std::make_shared<const Certificate>(std::move(*loaded));
  }

  void openssl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "openssl");
    ChildProcess child(std::move(arguments), directory_.file("openssl.log"));
    EXPECT_EQ(child.wait(), 0) << child.output();
  }

 private:
  TemporaryDirectory directory_;
  int made_ = 0;
};

inline std::shared_ptr<TicketKeys> new_ticket_keys() {
  auto keys = TicketKeys::make();
  EXPECT_TRUE(keys.has_value());
  return *keys;
}

inline std::shared_ptr<const ServerContext> server_with(
    std::vector<std::shared_ptr<const Certificate>> certificates,
    std::shared_ptr<TicketKeys> ticket_keys = new_ticket_keys(),
    Version version_min = Version::tls_1_2) {
  auto made = ServerContext::make({.certificates = std::move(certificates),
                                   .version_min = version_min,
                                   .ticket_keys = std::move(ticket_keys)});
  EXPECT_TRUE(made.has_value()) << made.error().sentence();
  return *made;
}

inline std::shared_ptr<const ClientContext> client_with(const ClientSettings& settings) {
  auto made = ClientContext::make(settings);
  EXPECT_TRUE(made.has_value()) << made.error().sentence();
  return *made;
}

}  // namespace sluice::tls
