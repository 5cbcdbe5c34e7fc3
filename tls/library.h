// The TLS library as a whole: made ready once, and the version that reports name.
//
// What speaks TLS on a connection arrives in files of its own; wolfSSL's headers stay in tls/*.cc.
#pragma once

#include <string>

#include "core/error.h"

namespace sluice::tls {

// Makes the library ready for every thread. Called once, before the first shard starts; further
// calls do no harm. Fails when the build of wolfSSL rejects itself.
Result<void> initialise();

// "wolfSSL 5.7.2": the library that is linked, not the headers that were compiled against.
std::string version();

}  // namespace sluice::tls
