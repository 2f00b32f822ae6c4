"""Reads an exposition from stdin with the parser that is named, and prints what it understood: a line
of JSON per family and per sample. Numbers are texts, since JSON has no infinities."""

import json
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as text

parse = {"openmetrics": openmetrics, "text": text}[sys.argv[1]]
read = sys.stdin.buffer.read().decode("utf-8")
for family in parse(read):
    kind = {"family": family.name, "type": family.type, "help": family.documentation, "unit": family.unit}
    print(json.dumps(kind))
    for sample in family.samples:
        seen = {"sample": sample.name, "labels": sample.labels, "value": repr(float(sample.value))}
        if sample.exemplar:
            exemplar = sample.exemplar
            seen["exemplar"] = {
                "labels": exemplar.labels,
                "value": repr(float(exemplar.value)),
                "at": float(exemplar.timestamp),
            }
        print(json.dumps(seen))
