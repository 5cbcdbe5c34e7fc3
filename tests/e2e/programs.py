"""Where the programs under test are, and how a test runs one of them."""

import os
import signal
import subprocess
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("SLUICE_BUILD", PROJECT / "build/release"))
SLUICE = BUILD / "tools/sluice/sluice"
SLUICE_LOAD = BUILD / "bench/sluice-load"
SLUICE_SINK = BUILD / "bench/sluice-sink"
PEERS = PROJECT / "build/deps/peers"


class Program:
    """A process of the test. What it writes lands in files, shown when the test fails."""

    def __init__(self, name, directory, arguments, environment=None, limits=None):
        self.name = name
        self.output_path = Path(directory) / f"{name}.out"
        self.error_path = Path(directory) / f"{name}.err"
        with self.output_path.open("ab") as output, self.error_path.open("ab") as error:
            self.process = subprocess.Popen(
                [str(argument) for argument in arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=error,
                env=environment,
                preexec_fn=limits,
            )

    @property
    def pid(self):
        return self.process.pid

    def output(self):
        return self.output_path.read_text(errors="replace")

    def errors(self):
        return self.error_path.read_text(errors="replace")

    def is_running(self):
        return self.process.poll() is None

    def wait(self, seconds=120):
        """The exit status; the process must end by itself."""
        return self.process.wait(timeout=seconds)

    def end(self, seconds=120):
        """Asks it to stop, and returns its exit status."""
        if self.is_running():
            self.process.send_signal(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self):
        """kill -9: no chance to tidy up."""
        if self.is_running():
            self.process.kill()
        self.process.wait()
