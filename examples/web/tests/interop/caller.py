"""Calls a server over HTTP and gRPC with the OpenTelemetry SDK, and is called back by it.

Arguments: the server's HTTP port and its gRPC port. Prints one JSON object: the spans that ended
here, what the server answered, and what it sent along when it called back.
"""

import json
import sys
import threading
import urllib.request
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from opentelemetry import baggage, trace
from opentelemetry.context import attach, detach, get_current
from opentelemetry.propagate import extract, inject
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

PATIENCE_S = 30

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
tracer = trace.get_tracer("caller")
called_back = {}


def called(transport, carrier):
    """What an instrumentation does with a request, and a note of what came with it."""
    context = extract(carrier)
    with tracer.start_as_current_span(f"{transport} callback", context, trace.SpanKind.SERVER):
        called_back[transport] = {"baggage": dict(baggage.get_all(context)), "headers": carrier}
    return b"called back"


class Callback(BaseHTTPRequestHandler):
    def do_GET(self):
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = called("http", headers)
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def grpc_callback(_request, context):
    return called("grpc", {key: value for key, value in context.invocation_metadata()})


def serve():
    http = ThreadingHTTPServer(("127.0.0.1", 0), Callback)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    handler = grpc.unary_unary_rpc_method_handler(grpc_callback)
    handlers = grpc.method_handlers_generic_handler("test.Probe", {"CallBack": handler})
    server.add_generic_rpc_handlers((handlers,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return http.server_port, port, server


def call_http(port, back):
    with tracer.start_as_current_span("http call", kind=trace.SpanKind.CLIENT):
        headers = {"x-call-back": str(back)}
        inject(headers)
        request = urllib.request.Request(f"http://127.0.0.1:{port}/tasks/17", headers=headers)
        # The loopback, whatever proxy the environment names.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=PATIENCE_S) as answer:
            return json.loads(answer.read())


def call_grpc(port, back):
    with tracer.start_as_current_span("grpc call", kind=trace.SpanKind.CLIENT):
        metadata = {"x-call-back": str(back)}
        inject(metadata)
        options = [("grpc.enable_http_proxy", 0)]
        with grpc.insecure_channel(f"127.0.0.1:{port}", options) as channel:
            work = channel.unary_unary("/test.Probe/Work")
            return json.loads(work(b"{}", metadata=list(metadata.items()), timeout=PATIENCE_S))


def told(span):
    context, parent = span.get_span_context(), span.parent
    return {
        "name": span.name,
        "trace_id": trace.format_trace_id(context.trace_id),
        "span_id": trace.format_span_id(context.span_id),
        "parent_span_id": trace.format_span_id(parent.span_id) if parent else None,
    }


def main():
    http_port, grpc_port = int(sys.argv[1]), int(sys.argv[2])
    http_back, grpc_back, server = serve()
    given = json.loads(sys.argv[3])
    answers = {}
    context = get_current()
    for key, value in given.items():
        context = baggage.set_baggage(key, value, context)
    token = attach(context)
    with tracer.start_as_current_span("root"):
        answers["http"] = call_http(http_port, http_back)
        answers["grpc"] = call_grpc(grpc_port, grpc_back)
    detach(token)
    server.stop(None)
    spans = [told(span) for span in exporter.get_finished_spans()]
    print(json.dumps({"spans": spans, "answers": answers, "called_back": called_back}))


if __name__ == "__main__":
    main()
