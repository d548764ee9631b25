"""What the measurements run against: Redis, chatd and floor, each on a free port of the loopback and
stopped at the end; and the load generator, built when its sources are newer."""

import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.append(str(ROOT / "tests/integration"))
from ports import free_port  # noqa: E402
BUILT = ROOT / "build/bench"
CFLAGS = ["-O2", "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow",
          "-Wstrict-prototypes", "-Wmissing-prototypes", "-Wformat=2"]
PROGRAMS = {"load": ["load.c", "conn.c", "chat.c", "shapes.c", "usage.c"], "floor": ["floor.c"],
            "counts.so": ["counts.c"]}
CHEAP = ["--argon2-memory=8k", "--argon2-passes=1"]  # where hashing isn't what is measured


def build(*names):
    """Compiles what is missing or old; returns the paths."""
    BUILT.mkdir(parents=True, exist_ok=True)
    for name in names:
        sources = [HERE / s for s in PROGRAMS[name]]
        out = BUILT / name
        newest = max(s.stat().st_mtime for s in [*sources, HERE / "load.h"])
        if not out.exists() or out.stat().st_mtime < newest:
            kind = ["-shared", "-fPIC", "-ldl"] if name.endswith(".so") else []
            subprocess.run(["cc", *CFLAGS, "-o", out, *sources, *kind], check=True)
    return [BUILT / name for name in names]


def _before_exec():
    os.setsid()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Servers:
    """with Servers(chatd) as s: what it starts ends with it."""

    def __init__(self, chatd):
        self.chatd_path = str(chatd)
        self.dir = tempfile.mkdtemp(prefix="bench-")
        self.running = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.running):
            self.stop(process)
        shutil.rmtree(self.dir, ignore_errors=True)

    def _start(self, argv, **options):
        with open(f"{self.dir}/log", "ab") as log:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                                       preexec_fn=_before_exec, cwd=self.dir, **options)
        self.running.append(process)
        return process

    def _wait_line(self, process, name):
        if not process.stdout.readline():
            raise SystemExit(f"{name} did not start: " + pathlib.Path(self.dir, "log").read_text()[-2000:])

    def redis(self):
        """With its default persistence but for the append-only file, which a chat wants: everysec."""
        port = free_port()
        data = tempfile.mkdtemp(dir=self.dir)
        process = self._start(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", data,
                               "--appendonly", "yes", "--save", ""])
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.01)
        process.uri, process.port = f"redis://127.0.0.1:{port}", port
        return process

    def chatd(self, redis, *settings, workers=1, under=(), env=None):
        """`pids`: of the processes that serve."""
        port = free_port()
        process = self._start([*under, self.chatd_path, f"--listen=127.0.0.1:{port}", f"--redis={redis.uri}",
                               f"--workers={workers}", "--log-level=warn", *settings],
                              env={**os.environ, **(env or {})})
        self._wait_line(process, "chatd")
        process.port = port
        process.pids = [process.pid]
        if workers > 1:
            children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
            process.pids = [int(pid) for pid in children.split()]
        return process

    def floor(self, coalesces=False):
        port = free_port()
        process = self._start([str(build("floor")[0]), str(port), *(["-b"] if coalesces else [])])
        self._wait_line(process, "floor")
        process.port, process.pids = port, [process.pid]
        return process

    def stop(self, process):
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        process.stdout.close()
        if process in self.running:
            self.running.remove(process)

    def load(self, server, shape, redis=None, floor=False, pids=None, **options):
        """One run of the load generator; options as in load.c: n=1000, window=16."""
        argv = [str(build("load")[0]), "--shape", shape, "--port", str(server.port),
                "--pids", ",".join(map(str, pids or server.pids))]
        argv += ["--floor"] if floor else []
        argv += ["--redis", str(redis.pid)] if redis else []
        for name, value in options.items():
            argv += [f"-{name}" if len(name) == 1 else "--" + name.replace("_", "-"), str(value)]
        done = subprocess.run(argv, capture_output=True, text=True, preexec_fn=_before_exec)
        if done.returncode:
            raise SystemExit(f"{' '.join(argv)}\n{done.stderr}")
        return json.loads(done.stdout)
