"""What the integration tests are written with: a Redis, a chatd and a WebSocket client, all plain
and synchronous. Every text frame that a Client reads is held against common/proto/schema.json."""

import base64
import contextlib
import functools
import hashlib
import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
import time
import urllib.parse
import uuid

import jsonschema
import redis
from ports import free_port
from stopwatch import Deadline

ROOT = pathlib.Path(__file__).resolve().parents[2]
NOBODY = "99999999-9999-4999-8999-999999999999"  # a UUID that no user has
PATIENCE = 30  # seconds that anything may take before a test fails; nothing waits so long by plan

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
LINGER_NOT = socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)  # setsockopt: close is a reset


def wait_until(predicate, timeout=PATIENCE, what="the condition"):
    """Calls predicate until it is true and returns what it gave."""
    deadline = Deadline(timeout)
    while True:
        value = predicate()
        if value:
            return value
        assert deadline.left(), f"{what} did not come true in {timeout} s"
        time.sleep(0.01)


def new_uuid():
    return str(uuid.uuid4())


# Who keeps its memory to itself, as chatd does, lets only root look at some of /proc.
AS_ROOT = [] if os.geteuid() == 0 else ["sudo", "-n"]


def descriptors(pid):
    """What the open descriptors of a process are: paths, "socket:[INODE]"…"""
    return subprocess.run([*AS_ROOT, "find", f"/proc/{pid}/fd", "-type", "l", "-printf", "%l\n"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.splitlines()


# Redis

ACL = ROOT / "chatd/service/redis-users.conf"
SERVERS = {}  # those that know the users of ACL, by what their URIs begin with


def as_user(uri, program, prefix):
    """The URI for `program`'s own user, who may do what the shipped ACL permits under the prefix, if it is one of
    ours; tests look at the data as the default user."""
    for start, server in SERVERS.items() if uri and re.fullmatch(r"[\w.:-]+", prefix) else ():
        if uri.startswith(start) and "@" not in uri:
            scheme, _, rest = uri.partition("://")
            return f"{scheme}://{urllib.parse.quote(server.user_for(program, prefix))}:secret@{rest}"
    return uri


class Redis:
    """A real redis-server in a directory of its own, on a Unix socket (and a free TCP port if `tcp`).
    Further options go to its command line: Redis(maxmemory="5mb"). `env` adds to the environment."""

    def __init__(self, tcp=False, env=None, **options):
        self.dir = tempfile.mkdtemp(prefix="chat-redis-")
        self.socket = os.path.join(self.dir, "redis.sock")
        self.port = free_port() if tcp else 0
        self.password = options.get("requirepass")
        # Not everysec: while an fsync is under way Redis then holds back what it has answered for up to
        # 2 s, and kill -9 loses it. What is tested here is our part: with "always" all is there again.
        self.options = {"appendonly": "yes", "appendfsync": "always", "save": "", **options}
        self.env = env
        self.process = None
        self.users = {}
        self.aclfile = pathlib.Path(self.dir, "users.acl")
        if not self.password and not any(name.startswith("cluster") for name in options):
            self.aclfile.write_text("")
            SERVERS[self.uri] = self
            SERVERS[self.tcp_uri if tcp else self.uri] = self
        self.start()

    def user_for(self, program, prefix):
        """The name of a user with the rights that the shipped file gives to `program`."""
        if (program, prefix) not in self.users:
            name = f"{program}-{prefix}"
            rules, = (line.split()[2:] for line in ACL.read_text().splitlines() if line.startswith(f"user {program} "))
            rules = [rule.replace("chat:*", f"{prefix}*") for rule in rules]
            if self.process.poll() is None:
                self.r.execute_command("ACL", "SETUSER", name, *rules, ">secret")
                self.r.execute_command("ACL", "SAVE")
            else:  # it will be, when the server is started
                with self.aclfile.open("a") as users:
                    print("user", name, *rules, ">secret", file=users)
            self.users[program, prefix] = name
        return self.users[program, prefix]

    @property
    def uri(self):
        return f"unix://{self.socket}"

    @property
    def tcp_uri(self):
        return f"redis://127.0.0.1:{self.port}"

    def start(self):
        argv = ["redis-server", "--port", str(self.port), "--unixsocket", self.socket, "--dir", self.dir,
                "--daemonize", "no", "--logfile", os.path.join(self.dir, "redis.log")]
        if self.aclfile.exists():
            argv += ["--aclfile", str(self.aclfile)]
        for name, value in self.options.items():
            argv += [f"--{name.replace('_', '-')}", str(value)]
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        env={**os.environ, **(self.env or {})}, start_new_session=True)
        self.r = self._connect(decode_responses=True)
        self.raw = self._connect()
        wait_until(self.answers, what="redis-server's answer to PING")

    def _connect(self, **options):
        return redis.Redis(unix_socket_path=self.socket, password=self.password, **options)

    def answers(self):
        assert self.process.poll() is None, "redis-server ended: " + self.log()[-2000:]
        try:
            return self.r.ping()
        except redis.exceptions.RedisError:
            return False

    def log(self):
        return pathlib.Path(self.dir, "redis.log").read_text(errors="replace")

    def _end(self, number):
        self.resume()
        self.r.close()
        self.raw.close()
        self.process.send_signal(number)
        self.process.wait(PATIENCE)

    def stop(self):
        """SIGTERM: what was written is on disk."""
        self._end(signal.SIGTERM)

    def kill(self):
        self._end(signal.SIGKILL)

    def restart(self):
        self.stop()
        self.start()

    def pause(self):
        """Hangs, with its connections open, until resume()."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)

    def destroy(self):
        for start in [start for start, server in SERVERS.items() if server is self]:
            del SERVERS[start]
        if self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.dir, ignore_errors=True)


PASSING = ("{presence}:", "fails:", "made:")  # keys of the moment: who is online, failed sign-ins, new users


def digest(server, prefix):
    """The data set under this prefix, as {key: (hash of its value, does it expire)}, but for what
    passes by itself. Equal if and only if nothing was stored, changed or removed in between."""
    raw = server.raw
    found = {}
    for name in raw.scan_iter(match=prefix + "*", count=1000):
        key = name.decode()
        if key == prefix + "channels":  # which channels; their activity is written a while later
            found[key] = (sorted(raw.zrange(name, 0, -1)), False)
        elif not key[len(prefix):].startswith(PASSING):
            found[key] = (hashlib.sha256(raw.dump(name) or b"").hexdigest(), raw.ttl(name) >= 0)
    return found


# chatd

SANITIZER_COMPLAINTS = ("AddressSanitizer", "LeakSanitizer", "runtime error:")


class Chatd:
    """A running chatd. Settings are keywords: Chatd(redis.uri, prefix="a:", max_joins=2,
    sign_in_creates=False) adds --prefix=a: --max-joins=2 --sign-in-creates=no. `argv` replaces the
    command line, `wait=False` does not wait until it serves, `env` adds to the environment, `binary` is
    another than CHATD_BIN, `under` is a command that runs it, `pass_fds` are descriptors that it inherits."""

    DEFAULTS = {"argon2_memory": "8k", "argon2_passes": 1, "kdf_threads": 2, "presence_delay": "1s"}

    def __init__(self, redis_uri=None, *, argv=None, wait=True, env=None, binary=None, under=(), pass_fds=(),
                 **settings):
        redis_uri = as_user(redis_uri, "chatd", settings.get("prefix", "chat:"))
        if redis_uri and "@" in redis_uri:  # a password, which is refused on a command line
            env, redis_uri = {"CHATD_REDIS": redis_uri, **(env or {})}, None
        if argv is None:
            argv = self.command_line(redis_uri, settings)
        self.dir = tempfile.mkdtemp(prefix="chatd-")
        self.stderr_path = pathlib.Path(self.dir, "stderr")
        self.address = self.served = None
        self.secure = False  # is it wss://?
        self.output = b""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("CHATD_")}
        with open(self.stderr_path, "ab") as stderr:
            self.process = subprocess.Popen(
                [*under, binary or os.environ["CHATD_BIN"], *argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=stderr, env={**environment, **(env or {})}, cwd=self.dir, start_new_session=True,
                pass_fds=pass_fds)
        if wait:
            self.wait_serving()

    @classmethod
    def command_line(cls, redis_uri, settings):
        named = {**cls.DEFAULTS, **settings}
        if "listen" not in named:
            named["listen"] = f"127.0.0.1:{free_port()}"
        if redis_uri:
            named["redis"] = redis_uri
        text = {True: "yes", False: "no"}
        return [f"--{name.replace('_', '-')}={text.get(value, value) if isinstance(value, bool) else value}"
                for name, value in named.items()]

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        """What it wrote to stderr so far."""
        return self.stderr_path.read_text(errors="replace")

    def wait_log(self, text, timeout=PATIENCE):
        wait_until(lambda: text in self.log(), timeout, f"{text!r} in the log")

    def wait_serving(self, timeout=30):
        """Reads the line on stdout that says where it serves."""
        deadline = Deadline(timeout)
        while b"\n" not in self.output:
            ready, _, _ = select.select([self.process.stdout], [], [], deadline.left())
            chunk = os.read(self.process.stdout.fileno(), 4096) if ready else b""
            assert chunk, f"chatd does not serve (status {self.process.poll()}):\n{self.log()[-4000:]}"
            self.output += chunk
        line = self.output.decode().splitlines()[0]
        scheme, self.address = re.fullmatch(r"chatd: serving (wss?)://(.+)/ws", line).groups()
        self.secure = scheme == "wss"

    @property
    def host(self):
        return self.address.rpartition(":")[0].strip("[]")

    @property
    def port(self):
        return int(self.address.rpartition(":")[2])

    def terminate(self):
        """SIGTERM, without waiting."""
        self.process.send_signal(signal.SIGTERM)

    def wait(self, timeout=30):
        """Waits for the end and returns the exit status."""
        status = self.process.wait(timeout)
        self.check_sanitizers()
        return status

    def stop(self):
        """SIGTERM: it must end by itself, with status 0 and without a complaint of a sanitizer."""
        if self.process.poll() is None:
            self.terminate()
        status = self.wait()
        assert status == 0, f"chatd ended with {status}:\n{self.log()[-4000:]}"

    def kill(self):
        """SIGKILL, as a crash would be."""
        self.process.kill()
        self.process.wait(PATIENCE)
        self.check_sanitizers()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def check_sanitizers(self):
        found = [word for word in SANITIZER_COMPLAINTS if word in self.log()]
        assert not found, f"{found}:\n{self.log()[-8000:]}"

    def destroy(self):
        """The end of a test: stops it if it runs, and prints its log for a test that failed."""
        try:
            if self.process.poll() is None:
                self.resume()
                self.stop()
            else:
                self.check_sanitizers()
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            print(f"--- log of chatd {self.pid} ---\n{self.log()[-6000:]}")
            self.process.stdout.close()
            shutil.rmtree(self.dir, ignore_errors=True)


# The client

class Closed(Exception):
    """The server closed the connection; 1006 is an end without a close frame, as in RFC 6455."""

    def __init__(self, code, reason=""):
        super().__init__(f"closed with {code} {reason!r}")
        self.code, self.reason = code, reason


class Refused(Exception):
    """The handshake got another answer than 101."""

    def __init__(self, status):
        super().__init__(f"handshake refused: {status}")
        self.status = status


class Silence(AssertionError):
    """Nothing came in time."""


@functools.cache
def validator():
    schema = json.loads((ROOT / "common/proto/schema.json").read_text(encoding="utf-8"))
    return jsonschema.Draft202012Validator(schema)


def no_twins(pairs):
    members = dict(pairs)
    assert len(members) == len(pairs), f"a name twice in {[name for name, _ in pairs]}"
    return members


@functools.lru_cache(maxsize=4096)  # a broadcast comes once a client
def check_frame(text):
    """Strict JSON that fits the schema, or the test fails. Returns it parsed."""
    frame = json.loads(text, object_pairs_hook=no_twins)
    errors = [f"{e.json_path}: {e.message}" for e in validator().iter_errors(frame)]
    assert not errors, f"a frame that does not fit the schema: {text[:2000]}\n" + "\n".join(errors)
    return frame


def mask_bytes(data, key):
    n = len(data)
    pad = (key * (n // 4 + 1))[:n]
    return (int.from_bytes(data, "big") ^ int.from_bytes(pad, "big")).to_bytes(n, "big")


def ws_frame(opcode, payload=b"", fin=True, mask=True, rsv=0):
    """One WebSocket frame as a client sends it."""
    if isinstance(payload, str):
        payload = payload.encode()
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    bit, n = (0x80 if mask else 0), len(payload)
    if n < 126:
        head += bytes([bit | n])
    elif n < 65536:
        head += struct.pack(">BH", bit | 126, n)
    else:
        head += struct.pack(">BQ", bit | 127, n)
    if not mask:
        return head + payload
    key = os.urandom(4)
    return head + key + mask_bytes(payload, key)


def handshake(host="localhost", path="/ws", key=b"", **headers):
    """The bytes of a handshake; headers as keywords, None leaves one out: Sec_WebSocket_Version=8."""
    fields = {"Host": host, "Upgrade": "websocket", "Connection": "Upgrade",
              "Sec-WebSocket-Key": (key or base64.b64encode(os.urandom(16))).decode(),
              "Sec-WebSocket-Version": "13"}
    fields.update({name.replace("_", "-"): value for name, value in headers.items()})
    lines = [f"GET {path} HTTP/1.1"] + [f"{k}: {v}" for k, v in fields.items() if v is not None]
    return "\r\n".join(lines + ["", ""]).encode()


def request(type, body=None, **envelope):
    """A request as text: request("users", requestID=1)."""
    frame = {"type": type, **envelope}
    if body is not None:
        frame[type] = body
    return json.dumps(frame)


@functools.cache
def trusting():
    """TLS that takes any certificate: the tests' are signed by themselves."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class Client:
    """One connection. Reading skips no frame but `sys` events, which gather in `events`, so that a
    test that reads says what comes, in order."""

    def __init__(self, chatd, *, early=(), rcvbuf=None, ready=True, path="/ws", headers=None,
                 prologue=b"", source=None):
        """`early`: requests (text) that travel in the segment of the handshake; `prologue`: bytes before
        all else; `source`: the address to come from."""
        self.chatd = chatd
        self.buffer = b""
        self.events = []
        self.pings = 0
        self.answer_pings = True
        self.close_code = self.close_reason = None
        self.last = None        # the last frame that expect() gave the body of
        self.user = self.key = self.name = None
        self.sock = socket.socket(socket.AF_INET6 if ":" in chatd.host else socket.AF_INET)
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.sock.settimeout(PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if source:
            self.sock.bind((source, 0))
        self.sock.connect((chatd.host, chatd.port))
        self.sock.sendall(prologue)
        self.secure = getattr(chatd, "secure", False)
        if self.secure:
            self.sock = trusting().wrap_socket(self.sock, server_hostname=getattr(chatd, "name", None))
        self._shake_hands(path, headers or {}, b"".join(ws_frame(TEXT, text) for text in early))
        if ready:
            self.ready = self.expect("ready")
            self.session = self.ready["sessionUUID"]

    def _shake_hands(self, path, headers, early):
        key = base64.b64encode(os.urandom(16))
        self.sock.sendall(handshake(self.chatd.address, path, key, **headers) + early)
        head = self._read_until(b"\r\n\r\n").decode()
        status = int(head.split()[1]) if head.startswith("HTTP/") else 0
        if status != 101:
            self.sock.close()
            raise Refused(status)
        accept = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        assert base64.b64encode(accept).decode() in head, head

    # Bytes

    def _more(self, deadline):
        left = deadline.left()
        waiting = self.secure and self.sock.pending()  # bytes that TLS has read already
        while not waiting and not select.select([self.sock], [], [], left)[0]:
            left = deadline.left()
            if not left:
                raise Silence("nothing came in time")
        try:
            chunk = self.sock.recv(1 << 18)
        except (ConnectionError, ssl.SSLEOFError):
            chunk = b""
        if not chunk:
            self._gone(1006, "")
        self.buffer += chunk

    def _gone(self, code, reason):
        if self.close_code is None:
            self.close_code, self.close_reason = code, reason
        raise Closed(self.close_code, self.close_reason)

    def _read_until(self, mark):
        deadline = Deadline(PATIENCE)
        while mark not in self.buffer:
            try:
                self._more(deadline)
            except Closed:
                raise Refused(0) from None
        head, _, self.buffer = self.buffer.partition(mark)
        return head

    def _take(self):
        """The next whole frame in the buffer as (opcode, payload), or None."""
        b = self.buffer
        if len(b) < 2:
            return None
        assert b[0] & 0xF0 == 0x80 and b[1] < 128, f"a fragment, RSV or a mask from the server: {b[:2]}"
        n, at = b[1], 2
        if n >= 126:
            size = 2 if n == 126 else 8
            n, at = int.from_bytes(b[2:2 + size], "big"), 2 + size
        if len(b) < at or len(b) < at + n:
            return None
        self.buffer = b[at + n:]
        return b[0] & 15, b[at:at + n]

    def recv_frame(self, timeout=PATIENCE):
        """The next WebSocket frame, of any kind: (opcode, payload)."""
        deadline = Deadline(timeout)
        while True:
            frame = self._take()
            if frame:
                return frame
            if self.close_code is not None:
                raise Closed(self.close_code, self.close_reason)
            self._more(deadline)

    # Reading

    def recv(self, timeout=PATIENCE):
        """The next JSON frame, checked. Raises Closed, or Silence."""
        deadline = Deadline(timeout)
        while True:
            opcode, payload = self.recv_frame(deadline.left())
            if opcode == TEXT:
                return check_frame(payload.decode("utf-8"))
            if opcode == PING:
                self.pings += 1
                if self.answer_pings:
                    self.send_frame(PONG, payload)
            elif opcode == CLOSE:
                with contextlib.suppress(OSError):
                    self.sock.sendall(ws_frame(CLOSE, payload[:2]))
                code = int.from_bytes(payload[:2], "big") if payload else 1005
                self._gone(code, payload[2:].decode("utf-8", "replace"))
            else:
                assert opcode == PONG, f"opcode {opcode} from the server"

    def expect(self, type, timeout=PATIENCE):
        """The next frame but events must be of this type. Returns its body; the whole is in `last`."""
        frame = self.expect_any(type, timeout=timeout)
        return frame["channelMessages" if type == "channelRead" else type]

    def expect_any(self, *types, timeout=PATIENCE):
        """The next frame but events, which must be of one of these types. Returns it whole."""
        deadline = Deadline(timeout)
        while True:
            frame = self.recv(deadline.left())
            if frame["type"] != "sys":
                break
            self.events.append(frame["sys"])
        assert frame["type"] in types, f"expected {' or '.join(types)}, got {json.dumps(frame)[:1000]}"
        self.last = frame
        return frame

    def expect_error(self, name, timeout=PATIENCE):
        error = self.expect("error", timeout)
        assert error["name"] == name, f"expected error {name}, got {error}"
        return error

    def expect_event(self, type, timeout=PATIENCE):
        """The next event of this type, of those put aside or still to come. Others stay aside."""
        deadline = Deadline(timeout)
        while True:
            for i, event in enumerate(self.events):
                if event["type"] == type:
                    return self.events.pop(i)
            frame = self.recv(deadline.left())
            assert frame["type"] == "sys", f"expected event {type}, got {json.dumps(frame)[:1000]}"
            self.events.append(frame["sys"])

    def expect_close(self, code=None, timeout=PATIENCE):
        """Reads to the end; returns the frames that still came. The code must be the one given."""
        frames, deadline = [], Deadline(timeout)
        try:
            while True:
                frames.append(self.recv(deadline.left()))
        except Closed as end:
            assert code is None or end.code == code, f"expected close {code}: {end}; {frames[-3:]}"
        return frames

    def fence(self):
        """What came until now, events too: a marker request is sent and everything before its answer
        is returned. Needs no sleeping, since answers come in order."""
        mark = "fence-" + new_uuid()
        self.send_text(request("fence", requestID=mark))
        frames = [{"type": "sys", "sys": event} for event in self.events]
        self.events = []
        while True:
            frame = self.recv()
            if frame.get("requestID") == mark:
                return frames
            frames.append(frame)

    def heard(self):
        """What came until now but events, which are put aside."""
        frames = self.fence()
        self.events = [f["sys"] for f in frames if f["type"] == "sys"]
        return [f for f in frames if f["type"] != "sys"]

    def drain(self, quiet=0.2):
        """Everything that comes until it has been quiet for so long. Prefer fence()."""
        frames = []
        with contextlib.suppress(Silence):
            while True:
                frames.append(self.recv(quiet))
        return frames

    # Writing

    def send_frame(self, opcode, payload=b"", fin=True, mask=True, rsv=0):
        self.sock.sendall(ws_frame(opcode, payload, fin, mask, rsv))

    def send_bytes(self, data):
        """Bytes as they are."""
        self.sock.sendall(data)

    def send_text(self, text):
        self.send_frame(TEXT, text)

    def send(self, frame):
        self.send_text(json.dumps(frame))

    def burst(self, *texts):
        """Many requests in one write, without waiting."""
        self.sock.sendall(b"".join(ws_frame(TEXT, text) for text in texts))

    # Requests: `x` sends and returns the body of the answer; tests that expect an error use ask()

    def ask(self, type, body=None, **envelope):
        """Sends a request; the test reads what comes."""
        self.send_text(request(type, body, **envelope))

    def _sign(self, type, name, password):
        self.ask(type, {"username": name, "password": password})
        answer = self.expect("authorized")
        self.user, self.key, self.name = answer["userUUID"], answer["accessKey"], answer["username"]
        return answer

    def sign_in(self, name, password="correct horse"):
        return self._sign("signIn", name, password)

    def sign_up(self, name, password="correct horse"):
        return self._sign("signUp", name, password)

    def pair(self):
        """What signs another connection in: client.ask("users", **other.pair())."""
        return {"userUUID": self.user, "userAccessKey": self.key}

    def sign_out(self):
        self.ask("signOut")
        return self.expect("unauthorized")

    def join(self, recipient="0", since=None, **envelope):
        body = {"recipientUUID": recipient}
        if since is not None:
            body["since"] = since
        self.ask("channelJoin", body, **envelope)
        return self.expect("channelJoin")

    def leave(self, recipient, **envelope):
        self.ask("channelLeave", {"recipientUUID": recipient}, **envelope)
        return self.expect("channelLeave")

    def post(self, text, to="0", uuid=None, **envelope):
        """Sends a message without reading the answer."""
        body = {"recipientUUID": to, "message": text}
        if uuid is not None:
            body["UUID"] = uuid
        self.ask("channelMessage", body, **envelope)

    def say(self, text, to="0", uuid=None, **envelope):
        """Sends a message and returns it as stored."""
        self.post(text, to, uuid, **envelope)
        return self.expect("channelMessage")

    def hear(self, text):
        """The next frame must be this message. Returns it."""
        message = self.expect("channelMessage")
        assert message["message"] == text, f"expected {text!r}, got {message}"
        return message

    def history(self, recipient="0", **fields):
        self.ask("channelMessages", {"recipientUUID": recipient, **fields})
        return self.expect("channelRead")

    def users(self, **fields):
        self.ask("users", fields or None)
        return self.expect("users")

    # The end

    def close(self):
        """Says goodbye and waits for the answer."""
        if self.close_code is None:
            with contextlib.suppress(OSError, Closed, Silence):
                self.sock.sendall(ws_frame(CLOSE, struct.pack(">H", 1000)))
                while True:
                    self.recv(2)
        self.sock.close()

    def drop(self):
        """As a cable pulled out looks to the server in the best case: a reset."""
        self.sock.setsockopt(*LINGER_NOT)
        self.sock.close()
