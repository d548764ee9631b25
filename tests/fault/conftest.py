"""The tests of the reliability contract that are no row of faults in the driver (README.md has the table). They
use the integration tests' tools and fixtures."""

import importlib.util
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
INTEGRATION = HERE.parent / "integration"
sys.path[:0] = [str(HERE), str(INTEGRATION)]

spec = importlib.util.spec_from_file_location("integration_conftest", INTEGRATION / "conftest.py")
fixtures = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fixtures)
globals().update({name: value for name, value in vars(fixtures).items() if hasattr(value, "_pytestfixturefunction")})
