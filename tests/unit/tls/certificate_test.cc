#include "tls/certificate.h"

#include <gmock/gmock.h>

#include <fstream>

#include "tests/unit/tls/certificate_fixture.h"

namespace sluice::tls {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Certificate, KnowsItsKeyAndItsNames) {
  const Certificate rsa = certificates().load("rsa");
  EXPECT_EQ(rsa.key_kind(), KeyKind::rsa);
  EXPECT_THAT(rsa.names(), testing::UnorderedElementsAre("mx.example.com", "*.wild.example"));
  EXPECT_EQ(certificates().load("ecdsa").key_kind(), KeyKind::ecdsa);
}

TEST(Certificate, AStarStandsForOneLabel) {
  const Certificate certificate = certificates().load("ecdsa");
  EXPECT_TRUE(certificate.is_for("mx.example.com"));
  EXPECT_TRUE(certificate.is_for("a.wild.example"));
  for (const char* const name : {"wild.example", "a.b.wild.example", ".wild.example",
                                 "mx2.example.com", "example.com", ""}) {
    EXPECT_FALSE(certificate.is_for(name)) << name;
  }
}

TEST(Certificate, TellsWhenItEndsSoon) {
  const Certificate certificate = certificates().load("rsa");
  const WallTime ends = certificate.ends();
  EXPECT_EQ(certificate.expiry_problem(ends + -kExpiryNotice), std::nullopt);
  const auto soon = certificate.expiry_problem(ends + -kExpiryNotice + std::chrono::seconds(1));
  ASSERT_TRUE(soon.has_value());
  EXPECT_THAT(*soon, HasSubstr("less than 14 days"));
  const auto ended = certificate.expiry_problem(ends);
  ASSERT_TRUE(ended.has_value());
  EXPECT_THAT(*ended, HasSubstr("ended on 20"));
}

// Loads, and gives the sentence of the error.
std::string refusal(const std::string& certificate_file, const std::string& key_file) {
  const auto loaded = Certificate::load(certificate_file, key_file);
  return loaded ? "" : loaded.error().sentence();
}

TEST(Certificate, RefusesTheKeyOfAnother) {
  const auto& files = certificates();
  EXPECT_THAT(
      refusal(files.file("ecdsa.pem"), files.file("other.key")),
      testing::AllOf(HasSubstr("does not fit"), HasSubstr("other.key"), HasSubstr("ecdsa.pem")));
  EXPECT_THAT(refusal(files.file("ecdsa.pem"), files.file("rsa.key")), HasSubstr("does not fit"));
}

TEST(Certificate, RefusesWhatIsNoPem) {
  const auto& files = certificates();
  std::ofstream(files.file("text.pem")) << "no certificate\n";
  EXPECT_THAT(refusal(files.file("text.pem"), files.file("rsa.key")), HasSubstr("text.pem"));
  EXPECT_THAT(refusal(files.file("rsa.pem"), files.file("text.pem")), HasSubstr("text.pem"));
}

TEST(Certificate, RefusesAFileThatIsNotThere) {
  EXPECT_THAT(refusal("/nowhere/cert.pem", "/nowhere/key.pem"),
              testing::AllOf(HasSubstr("/nowhere/cert.pem"), HasSubstr("cannot be read")));
}

TEST(Certificate, RefusesAFilePastItsBound) {
  const auto& files = certificates();
  std::ofstream(files.file("large.pem")) << std::string(kPemBytesMax + 1, 'x');
  EXPECT_THAT(refusal(files.file("large.pem"), files.file("rsa.key")), HasSubstr("larger than"));
}

}  // namespace
}  // namespace sluice::tls
