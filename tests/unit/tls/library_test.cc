#include "tls/library.h"

#include <gtest/gtest.h>
#include <wolfssl/options.h>
#include <wolfssl/version.h>

namespace sluice::tls {
namespace {

TEST(Library, InitialisesMoreThanOnce) {
  ASSERT_TRUE(initialise().has_value());
  EXPECT_TRUE(initialise().has_value());
}

TEST(Library, LinksTheVersionItWasCompiledAgainst) {
  EXPECT_EQ(version(), "wolfSSL " LIBWOLFSSL_VERSION_STRING);
}

}  // namespace
}  // namespace sluice::tls
