"""What holds for every test of the repository."""

import os

# Settings of a developer's own system must not leak into the systems that tests start.
for name in [name for name in os.environ if name.startswith("MLSPLOIT_")]:
    del os.environ[name]

pytest_plugins = ["shared.testing.fixtures"]
