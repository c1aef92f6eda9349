# SPDX-License-Identifier: Apache-2.0
# openmetrics.py FILE: every line against OpenMetrics 1.0: families together, types before samples, suffixes of
# types, labels escaped and none twice, numbers, "# EOF" last.
import re
import sys

text = open(sys.argv[1], "rb").read().decode("utf-8")


def fail(n, why):
    sys.exit("line %d: %s" % (n, why))


NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
SAMPLE = re.compile(r"^(%s)(?:\{((?:%s)(?:,%s)*)\})? (\S+)$" % (NAME, LABEL, LABEL))
SUFFIX = {"gauge": "", "counter": "_total", "info": "_info"}

if not text.endswith("# EOF\n"):
    sys.exit("no # EOF at the end")
lines = text.split("\n")[:-2]
seen, series = {}, set()
family = kind = None
for n, line in enumerate(lines, 1):
    if line.startswith("# TYPE "):
        _, _, family, kind = line.split(" ", 3)
        if family in seen:
            fail(n, "family %s stands in two places" % family)
        if kind not in SUFFIX or not re.fullmatch(NAME, family):
            fail(n, "type")
        seen[family] = kind
    elif line.startswith("# HELP "):
        parts = line.split(" ", 3)
        if parts[2] != family or len(parts) != 4 or not parts[3]:
            fail(n, "help")
    else:
        m = SAMPLE.match(line)
        if not m:
            fail(n, "no sample: %r" % line)
        if m.group(1) != family + SUFFIX[kind]:
            fail(n, "sample %s in family %s" % (m.group(1), family))
        labels = re.findall(LABEL, m.group(2) or "")
        if len({k for k, _ in labels}) != len(labels):
            fail(n, "a label twice")
        key = (m.group(1), tuple(sorted(labels)))
        if key in series:
            fail(n, "a series twice")
        series.add(key)
        value = float(m.group(len(m.groups())).replace("+Inf", "inf"))
        if kind in ("counter", "info") and not 0 <= value < float("inf"):
            fail(n, "value")
        if kind == "info" and value != 1:
            fail(n, "info is 1")
if len(seen) < 20 or len(series) < 20:
    sys.exit("too little: %d families, %d series" % (len(seen), len(series)))
