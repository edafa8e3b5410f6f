"""A local Kinesis for the real KPL: kinesis-local behind a TLS door of our own, which notes what PutRecords carried
(GetRecords does not give explicit hash keys back) and can answer late, as a service far away does."""

import base64
import http.client
import http.server
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
INTEROP = os.path.dirname(HERE)
CACHE = os.environ.get("INTEROP_CACHE") or os.path.join(os.path.dirname(os.path.dirname(INTEROP)), "target", "interop")
# Any signature will do, but there must be one.
SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=x/20200101/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=x",
    "X-Amz-Date": "20200101T000000Z",
    "Content-Type": "application/x-amz-json-1.1",
}


def only_loopback():
    """Runs the calling script again where no other network exists: the KPL must not be able to ask anyone else."""
    if os.environ.get("INTEROP_ONLY_LOOPBACK"):
        return
    os.environ["INTEROP_ONLY_LOOPBACK"] = "1"
    kind = "-n" if os.geteuid() == 0 else "-rn"
    script = [sys.executable, *sys.argv]
    os.execvp("unshare", ["unshare", kind, "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *script])


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Kinesis:
    """The server, its door for the KPL (`port`) and the few calls that a scenario needs."""

    def __init__(self, latency=0.0, certificate=None):
        self.latency, self.noted, self.stored, self.lock = latency, [], 0, threading.Lock()
        self.plain = free_port()
        home = os.path.join(CACHE, "kinesis", "node_modules", "kinesis-local")
        quick = {f"{what}_DURATION": "50ms" for what in ("CREATE_STREAM", "DELETE_STREAM", "SPLIT_SHARD", "MERGE_SHARDS")}
        ports = {"KINESIS_MOCK_TLS_PORT": str(free_port()), "KINESIS_MOCK_PLAIN_PORT": str(self.plain)}
        own_certificate = os.path.join(home, "server.json")
        self.process = subprocess.Popen(
            ["node", "-r", os.path.join(HERE, "loopback.js"), os.path.join(home, "main.js")],
            env={**os.environ, **quick, **ports, "KINESIS_MOCK_CERT_PATH": own_certificate, "SHARD_LIMIT": "1000"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            self._wait()
            self._open_door(pem_context(certificate) if certificate else tls_context(own_certificate))
        except BaseException:
            self.process.kill()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.door.shutdown()
        self.process.kill()
        self.process.wait()

    def _wait(self):
        for _ in range(200):
            try:
                return socket.create_connection(("127.0.0.1", self.plain), 1).close()
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("kinesis-local did not start")

    def _open_door(self, context):
        self.door = Door(("127.0.0.1", 0), door_handler(self))
        self.door.socket = context.wrap_socket(self.door.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.door.server_address[1]
        threading.Thread(target=self.door.serve_forever, daemon=True).start()

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.plain, timeout=120)

    def call(self, action, **parameters):
        status, body = send(self.connect(), f"Kinesis_20131202.{action}", json.dumps(parameters))
        if status != 200:
            raise RuntimeError(f"{action}: {body[:200]}")
        return json.loads(body) if body else {}

    def note(self, request, answer):
        """Keeps the Kinesis records that a PutRecords stored, (stream, shard, sequence number, record), and their size."""
        stream = request.get("StreamName") or request["StreamARN"].split("/")[1]
        pairs = zip(request["Records"], answer["Records"])
        stored = [(stream, a["ShardId"], int(a["SequenceNumber"]), r) for r, a in pairs if a.get("ShardId")]
        with self.lock:
            self.noted += stored
            self.stored += sum(len(r["Data"]) * 3 // 4 for _, _, _, r in stored)

    def active(self, stream):
        for _ in range(200):
            if self.call("DescribeStreamSummary", StreamName=stream)["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE":
                return
            time.sleep(0.02)
        raise RuntimeError("the stream does not become active")

    def create(self, stream, shards):
        self.call("CreateStream", StreamName=stream, ShardCount=shards)
        self.active(stream)

    def shards(self, stream):
        return self.call("ListShards", StreamName=stream)["Shards"]

    def records(self, stream, shard):
        """Every record of a shard: (partition key, data)."""
        at = self.call("GetShardIterator", StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
        found = []
        while at:
            page = self.call("GetRecords", ShardIterator=at, Limit=1000)
            found += [(r["PartitionKey"], base64.b64decode(r["Data"])) for r in page["Records"]]
            if not page["Records"] and page["MillisBehindLatest"] == 0:
                break
            at = page.get("NextShardIterator")
        return found


def pem_context(path):
    """With the key and the certificate of a file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def tls_context(certificate):
    """With kinesis-local's own certificate, which no client can verify."""
    with open(certificate) as f:
        server = json.load(f)["server"]
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as pem:
        pem.write(server["key"] + "\n" + server["cert"])
        pem.flush()
        return pem_context(pem.name)


def send(connection, target, body):
    connection.request("POST", "/", body, {**SIGNED, "X-Amz-Target": target})
    answer = connection.getresponse()
    return answer.status, answer.read()


def door_handler(kinesis):
    class Handler(http.server.BaseHTTPRequestHandler):
        """One connection of a producer, with one of its own to the server."""

        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self):
            super().setup()
            self.server_side = kinesis.connect()

        def finish(self):
            self.server_side.close()
            super().finish()

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            target = self.headers["X-Amz-Target"]
            status, answer = send(self.server_side, target, body)
            if status == 200 and target.endswith(".PutRecords"):
                kinesis.note(json.loads(body), json.loads(answer))
            if kinesis.latency:
                time.sleep(kinesis.latency)
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    return Handler


class Door(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_):
        """A producer that hangs up in the middle is no news here."""
