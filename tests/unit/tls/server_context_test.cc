#include "tls/server_context.h"

#include <gtest/gtest.h>

#include "tests/unit/tls/certificate_fixture.h"

namespace sluice::tls {
namespace {

struct ChoiceCase {
  std::string_view name;
  ClientHello hello;
  std::string_view file;  // of the certificate that is shown
};

class Choice : public testing::TestWithParam<ChoiceCase> {};

TEST_P(Choice, FollowsTheClient) {
  const auto context = make_context({"rsa", "ecdsa", "other"});
  EXPECT_TRUE(context->choose(GetParam().hello).file().ends_with(GetParam().file));
}

INSTANTIATE_TEST_SUITE_P(
    Table, Choice,
    testing::Values(ChoiceCase{"both", {"mx.example.com", true, true}, "/ecdsa.pem"},
                    ChoiceCase{"rsa_only", {"mx.example.com", true, false}, "/rsa.pem"},
                    ChoiceCase{"ecdsa_only", {"mx.example.com", false, true}, "/ecdsa.pem"},
                    ChoiceCase{"other_name", {"other.example", true, true}, "/other.pem"},
                    ChoiceCase{"other_name_rsa_only", {"other.example", true, false}, "/other.pem"},
                    ChoiceCase{"wildcard", {"a.wild.example", true, true}, "/ecdsa.pem"},
                    ChoiceCase{"unknown_name", {"nobody.example", true, true}, "/ecdsa.pem"},
                    ChoiceCase{
                        "unknown_name_rsa_only", {"nobody.example", true, false}, "/rsa.pem"},
                    ChoiceCase{"no_name", {"", true, true}, "/ecdsa.pem"},
                    ChoiceCase{"nothing", {"", false, false}, "/rsa.pem"}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace sluice::tls
