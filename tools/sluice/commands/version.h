// `sluice version`: which version this is.
#pragma once

namespace CLI {
class App;
}

namespace sluice::commands {

void add_version_command(CLI::App& app);

}  // namespace sluice::commands
