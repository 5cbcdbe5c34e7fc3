#include "tls/server_context.h"

#include <gmock/gmock.h>

#include "tests/unit/tls/hello_builder.h"
#include "tests/unit/tls/test_certificates.h"

namespace sluice::tls {
namespace {

using testing::HasSubstr;

constexpr std::uint16_t kEcdsaSuite = 0xc02b;
constexpr std::uint16_t kRsaSuite = 0xc02f;

ClientHello hello_for(const std::string& name, const std::vector<std::uint16_t>& suites) {
  static std::string body;  // what the hello points into
  body = hello_body({.suites = suites, .extensions = server_name_extension(name)});
  auto hello = parse_client_hello(body);
  EXPECT_TRUE(hello);
  return *hello;
}

class ServerContextTest : public testing::Test {
 protected:
  TestCertificates certificates_;
  std::shared_ptr<const Certificate> a_rsa_ = certificates_.load("rsa:2048", "DNS:a.example");
  std::shared_ptr<const Certificate> a_ecdsa_ = certificates_.load("ec:P-256", "DNS:a.example");
  std::shared_ptr<const Certificate> b_ecdsa_ =
      certificates_.load("ec:P-256", "DNS:b.example,DNS:*.b.example");
};

TEST_F(ServerContextTest, ChoosesByNameAndByWhatTheClientVerifies) {
  const auto context = server_with({a_rsa_, b_ecdsa_, a_ecdsa_});
  struct Row {
    const char* name;
    std::vector<std::uint16_t> suites;
    const Certificate* chosen;
  };
  const std::vector<std::uint16_t> both = {kRsaSuite, kEcdsaSuite};
  for (const Row& row :
       {Row{"a.example", both, a_ecdsa_.get()}, Row{"a.example", {kRsaSuite}, a_rsa_.get()},
        Row{"b.example", both, b_ecdsa_.get()}, Row{"x.b.example", both, b_ecdsa_.get()},
        Row{"b.example", {kRsaSuite}, b_ecdsa_.get()}, Row{"unknown.example", both, a_ecdsa_.get()},
        Row{"unknown.example", {kRsaSuite}, a_rsa_.get()}, Row{"", both, a_ecdsa_.get()}}) {
    EXPECT_EQ(&context->certificate_for(hello_for(row.name, row.suites)), row.chosen)
        << row.name << " " << row.suites.size();
  }
}

TEST_F(ServerContextTest, ADefaultNeverServesAnotherDomain) {
  const auto context = server_with({a_rsa_, b_ecdsa_});
  const auto hello = hello_for("unknown.example", {kRsaSuite, kEcdsaSuite});
  EXPECT_EQ(&context->certificate_for(hello), a_rsa_.get());
}

TEST_F(ServerContextTest, NeedsACertificate) {
  const auto made = ServerContext::make({.certificates = {}, .ticket_keys = new_ticket_keys()});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code(), ErrorCode::invalid_argument);
}

TEST_F(ServerContextTest, BoundsTheNumberOfCertificates) {
  ServerSettings settings{.certificates = {kCertificatesMax, a_ecdsa_},
                          .ticket_keys = new_ticket_keys()};
  EXPECT_TRUE(ServerContext::make(settings));
  settings.certificates.push_back(a_ecdsa_);
  const auto made = ServerContext::make(settings);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().sentence(), HasSubstr("1001 certificates, at most 1000"));
}

}  // namespace
}  // namespace sluice::tls
