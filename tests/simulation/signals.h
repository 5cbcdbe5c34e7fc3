// What a simulation does with the signals of the simulated process.
#pragma once

namespace sluice::simulation {

// False when nobody watches: the relay is not up yet, or has ended.
bool send_signal(int signal);

// After a crash: who watched is gone.
void forget_signals();

}  // namespace sluice::simulation
