// sluice: one program, one subcommand per file in commands/. What the subcommands do is in relay/.
#include <CLI/CLI.hpp>

#include "commands/check.h"
#include "commands/command_line.h"
#include "commands/config.h"
#include "commands/drain.h"
#include "commands/queue.h"
#include "commands/release.h"
#include "commands/reload.h"
#include "commands/serve.h"
#include "commands/spool.h"
#include "commands/tenant.h"
#include "commands/user.h"
#include "commands/version.h"

int main(int argc, char** argv) {
  using namespace sluice::commands;  // NOLINT(google-build-using-namespace): the list below

  CLI::App app("sluice: a bulk mail transfer agent", "sluice");
  ExitStatus status;
  add_serve_command(app, status);
  add_check_command(app, status);
  add_config_command(app, status);
  add_queue_command(app, status);
  add_release_command(app, status);
  add_drain_command(app, status);
  add_tenant_command(app, status);
  add_reload_command(app, status);
  add_spool_command(app, status);
  add_user_command(app, status);
  add_version_command(app);
  return run_command_line(app, status, argc, argv);
}
