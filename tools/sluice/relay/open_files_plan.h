// OpenFilesPlan: how many open files the configured connections need, and what is lowered where the
// system allows fewer.
//
// A limit that was set is a promise: it is never lowered, and too few open files for it are an
// error. A listener that keeps the default takes what is left, so that a first start works within
// the limits of a container or a login shell.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "relay/config.h"

namespace sluice::relay {

// What a listener that keeps the default is lowered to, at least.
inline constexpr std::uint32_t kListenerConnectionsMin = 1000;

// Every connection in and out, and some files for the spool, the rings, the log and the commands.
std::uint64_t open_files_needed(const RelayConfig& config);

// The configuration that fits into that many open files: the same where it does. Nothing when even
// lowered defaults do not fit.
std::optional<RelayConfig> fit_into_open_files(RelayConfig config, std::uint64_t allowed);

// Raises the limit of open files and returns the configuration that holds then. The sentence of the
// Error says how to allow more. A lowered default is logged.
Result<std::shared_ptr<const RelayConfig>> plan_open_files(
    std::shared_ptr<const RelayConfig> config);

}  // namespace sluice::relay
