#include "tls/certificate.h"

#include <gmock/gmock.h>

#include <fstream>

#include "tests/unit/tls/test_certificates.h"

namespace sluice::tls {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

void write_file(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

class CertificateTest : public testing::Test {
 protected:
  TestCertificates certificates_;
};

struct KindCase {
  const char* key;
  KeyKind kind;
};

TEST_F(CertificateTest, KnowsTheKindOfItsKey) {
  for (const KindCase& each :
       {KindCase{"rsa:2048", KeyKind::rsa}, KindCase{"ec:P-256", KeyKind::ecdsa_p256},
        KindCase{"ec:P-384", KeyKind::ecdsa_p384}, KindCase{"ec:P-521", KeyKind::ecdsa_p521}}) {
    EXPECT_EQ(certificates_.load(each.key, "DNS:a.example")->key_kind(), each.kind) << each.key;
  }
}

TEST_F(CertificateTest, ReadsItsNames) {
  const auto certificate =
      certificates_.load("ec:P-256", "DNS:Mail.Example.com,DNS:*.example.net,IP:127.0.0.1");
  EXPECT_THAT(certificate->names(), UnorderedElementsAre("mail.example.com", "*.example.net"));
}

TEST_F(CertificateTest, FallsBackToTheCommonName) {
  EXPECT_THAT(certificates_.load("ec:P-256", "")->names(), ElementsAre("common.example.com"));
}

TEST_F(CertificateTest, CoversTheNamesItIsFor) {
  const auto certificate = certificates_.load("ec:P-256", "DNS:mail.example.com,DNS:*.example.net");
  for (const char* const name : {"mail.example.com", "MAIL.example.COM", "a.example.net"}) {
    EXPECT_TRUE(certificate->covers(name)) << name;
  }
  for (const char* const name : {"", "example.com", "a.mail.example.com", "example.net",
                                 "a.b.example.net", ".example.net", "a.example.net.evil"}) {
    EXPECT_FALSE(certificate->covers(name)) << name;
  }
}

TEST_F(CertificateTest, SaysWhenItEnds) {
  const auto certificate = certificates_.load("ec:P-256", "DNS:a.example");
  const WallTime end = certificate->not_after();
  const Duration life = end - Clock().wall();
  EXPECT_GT(life, hours(20 * 24 - 1));
  EXPECT_LE(life, hours(20 * 24));
  EXPECT_FALSE(certificate->expiry_problem(end + (-kExpiryWarning - seconds(1))));
  EXPECT_THAT(certificate->expiry_problem(end + -kExpiryWarning).value_or(""),
              AllOf(HasSubstr(certificate->file()), HasSubstr("ends in 14 days, on 20")));
  EXPECT_THAT(certificate->expiry_problem(end + -hours(47)).value_or(""), HasSubstr("in 1 day,"));
  EXPECT_THAT(certificate->expiry_problem(end + -seconds(1)).value_or(""),
              HasSubstr("ends within a day, on 20"));
  EXPECT_THAT(certificate->expiry_problem(end).value_or(""), HasSubstr(" ended on 20"));
}

TEST_F(CertificateTest, RefusesAKeyOfAnotherCertificate) {
  for (const char* const other : {"ec:P-256", "rsa:2048", "ec:P-384"}) {
    const CertificateFiles mine = certificates_.make("ec:P-256", "DNS:a.example");
    const CertificateFiles theirs = certificates_.make(other, "DNS:b.example");
    const auto loaded = Certificate::load(mine.certificate, theirs.key);
    ASSERT_FALSE(loaded) << other;
    EXPECT_THAT(loaded.error().sentence(),
                AllOf(HasSubstr(mine.certificate), HasSubstr(theirs.key), HasSubstr("not fit")));
  }
}

TEST_F(CertificateTest, RefusesFilesThatHoldNoCertificate) {
  const CertificateFiles files = certificates_.make("ec:P-256", "DNS:a.example");
  const std::string text = certificates_.file("text.pem");
  write_file(text, "no certificate\n");
  const std::string empty = certificates_.file("empty.pem");
  write_file(empty, "");
  for (const std::string& wrong : {text, empty, files.key, certificates_.file("missing.pem")}) {
    const auto loaded = Certificate::load(wrong, files.key);
    ASSERT_FALSE(loaded) << wrong;
    EXPECT_THAT(loaded.error().sentence(), HasSubstr(wrong));
  }
}

TEST_F(CertificateTest, RefusesFilesThatHoldNoKey) {
  const CertificateFiles files = certificates_.make("ec:P-256", "DNS:a.example");
  const std::string text = certificates_.file("text.key");
  write_file(text, "no key\n");
  const std::string locked = certificates_.file("locked.key");
  certificates_.openssl(
      {"pkcs8", "-topk8", "-in", files.key, "-out", locked, "-passout", "pass:x"});
  for (const std::string& wrong : {text, files.certificate, locked}) {
    const auto loaded = Certificate::load(files.certificate, wrong);
    ASSERT_FALSE(loaded) << wrong;
    EXPECT_THAT(loaded.error().sentence(), HasSubstr(wrong));
  }
}

TEST_F(CertificateTest, RefusesKeysThatClientsDoNotTake) {
  for (const char* const key : {"ed25519", "rsa:1024", "ec:secp224r1"}) {
    const CertificateFiles files = certificates_.make(key, "DNS:a.example");
    const auto loaded = Certificate::load(files.certificate, files.key);
    ASSERT_FALSE(loaded) << key;
    EXPECT_EQ(loaded.error().code(), ErrorCode::unsupported) << loaded.error().sentence();
  }
}

TEST_F(CertificateTest, BoundsItsFiles) {
  const CertificateFiles files = certificates_.make("ec:P-256", "DNS:a.example");
  std::string text = text_of(files.certificate);
  text.append(kCertificateFileBytesMax - text.size(), '\n');
  const std::string full = certificates_.file("full.pem");
  write_file(full, text);
  EXPECT_TRUE(Certificate::load(full, files.key));
  write_file(full, text + "\n");
  const auto loaded = Certificate::load(full, files.key);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code(), ErrorCode::limit_exceeded);
}

}  // namespace
}  // namespace sluice::tls
