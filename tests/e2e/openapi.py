# SPDX-License-Identifier: Apache-2.0
"""The description of the API (docs/api/openapi.yaml): whether it is well formed, whether an answer is as it says, and
which parts of it no answer has shown yet.

It knows the keywords that it checks and no others: one more in the document is an error, so that nothing that is
described goes unchecked.
"""
import json
import re
import sys
import tempfile

import yaml

METHODS = {"get", "put", "post"}
ROOT = {"openapi", "info", "paths", "components"}
PATH = METHODS | {"parameters"}
OPERATION = {"summary", "description", "operationId", "parameters", "requestBody", "responses", "x-abri-who"}
PARAMETER = {"name", "in", "required", "description", "schema", "allowEmptyValue"}
BODY = {"description", "content"}
RESPONSE = {"description", "content"}
SCHEMA = {"$ref", "type", "required", "properties", "additionalProperties", "items", "enum", "pattern", "minimum", "description"}
TYPES = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "null": lambda v: v is None,
}


class Malformed(Exception):
    pass


class Loader(yaml.SafeLoader):
    """A key that is there twice would hide what it says the first time."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(k, deep=True) for k, _ in node.value]
        for k in keys:
            if keys.count(k) > 1:
                raise Malformed(f"line {node.start_mark.line + 1}: '{k}' twice")
        return super().construct_mapping(node, deep)


def demand(truth, *what):
    if not truth:
        raise Malformed(": ".join(str(w) for w in what))


def types_of(schema):
    t = schema.get("type", [])
    return t if isinstance(t, list) else [t]


def no_twice(pairs):
    names = [k for k, _ in pairs]
    if len(set(names)) != len(names):
        raise ValueError("a member twice")
    return dict(pairs)


class Document:
    def __init__(self, path):
        with open(path, encoding="utf-8") as f:
            self.doc = yaml.load(f, Loader)
        self.used = set()
        self.shown = set()  # "Identity.vault", "Identity.vault=null", "Identity.roles[]"
        self.check_document()

    # ---- whether it is well formed ---------------------------------------------------------

    def resolve(self, ref):
        demand(ref.startswith("#/"), ref, "not of this document")
        at = self.doc
        for part in ref[2:].split("/"):
            demand(isinstance(at, dict) and part in at, ref, "leads nowhere")
            at = at[part]
        self.used.add(ref)
        return at

    def check_document(self):
        d = self.doc
        demand(set(d) == ROOT and str(d["openapi"]).startswith("3.1."), "not OpenAPI 3.1")
        demand({"title", "version"} <= set(d["info"]), "info")
        demand(set(d["components"]) == {"responses", "schemas"}, "components")
        schemas = d["components"]["schemas"]
        demand(list(schemas) == sorted(schemas), "schemas are not sorted")
        for name, schema in schemas.items():
            demand(re.fullmatch("[A-Za-z0-9._-]+", name), name)
            self.check_schema(schema, name)
        for name, r in d["components"]["responses"].items():
            self.check_response(r, name)
        ids, shapes = [], []
        for path, block in d["paths"].items():
            demand(path.startswith("/") and set(block) <= PATH, path)
            shapes.append(re.sub(r"\{\w+\}", "{}", path))
            for method in METHODS & set(block):
                self.check_operation(path, block.get("parameters", []), block[method], f"{method} {path}")
                ids += [block[method][k] for k in ("operationId",) if k in block[method]]
        demand(len(ids) == len(set(ids)), "an operationId twice")
        demand(len(shapes) == len(set(shapes)), "a path twice")
        for kind in ("schemas", "responses"):
            for name in d["components"][kind]:
                demand(f"#/components/{kind}/{name}" in self.used, name, "nobody refers to it")

    def check_operation(self, path, common, o, where):
        demand(set(o) <= OPERATION, where, set(o) - OPERATION)
        demand(o.get("summary") and o.get("x-abri-who"), where, "no summary, or nobody may call it")
        parameters = common + o.get("parameters", [])
        for p in parameters:
            demand(set(p) <= PARAMETER and p["in"] in ("path", "query"), where, p)
            demand((p["in"] == "path") == (p.get("required") is True), where, p["name"], "required?")
            self.check_schema(p["schema"], where)
        names = [p["name"] for p in parameters]
        demand(len(names) == len(set(names)), where, "a parameter twice")
        demand(sorted(p["name"] for p in parameters if p["in"] == "path") == sorted(re.findall(r"\{(\w+)\}", path)), where,
               "other parameters than the path has")
        if "requestBody" in o:
            demand(set(o["requestBody"]) <= BODY and "content" in o["requestBody"], where, "requestBody")
            self.check_content(o["requestBody"]["content"], where)
        demand("default" in o["responses"] and any(str(s).startswith("2") for s in o["responses"]), where, "responses")
        for status, r in o["responses"].items():
            demand(status == "default" or re.fullmatch("[2-5][0-9][0-9]", status), where, status, "no status (as text)")
            if "$ref" in r:
                demand(set(r) == {"$ref"}, where, status)
                r = self.resolve(r["$ref"])
            self.check_response(r, f"{where} {status}")

    def check_response(self, r, where):
        demand(set(r) <= RESPONSE and r.get("description"), where, set(r) - RESPONSE)
        self.check_content(r.get("content", {}), where)

    def check_content(self, content, where):
        for media, what in content.items():
            demand(re.fullmatch("[a-z]+/[a-z-]+", media) and set(what) <= {"schema"}, where, media)
            demand(media != "application/json" or "schema" in what, where, "JSON without a schema")
            if "schema" in what:
                self.check_schema(what["schema"], where)

    def check_schema(self, s, where):
        demand(isinstance(s, dict) and set(s) <= SCHEMA, where, set(s) - SCHEMA)
        if "$ref" in s:
            demand(set(s) <= {"$ref", "description"}, where, "beside $ref")
            self.resolve(s["$ref"])
            return
        demand(types_of(s) and all(t in TYPES for t in types_of(s)), where, "type")
        demand(("properties" in s) == ("object" in types_of(s)), where, "properties are of objects, which have some")
        demand(set(s.get("required", [])) <= set(s.get("properties", {})), where, "required")
        demand(list(s.get("required", [])) == sorted(s.get("required", [])), where, "required is not sorted")
        demand(("items" in s) == ("array" in types_of(s)), where, "items are of arrays, which have some")
        demand("enum" not in s or (isinstance(s["enum"], list) and s["enum"]), where, "enum")
        re.compile(s.get("pattern", ""))
        for name, p in s.get("properties", {}).items():
            self.check_schema(p, f"{where}.{name}")
        if "items" in s:
            self.check_schema(s["items"], f"{where}[]")
        if isinstance(s.get("additionalProperties"), dict):
            self.check_schema(s["additionalProperties"], f"{where}.*")

    # ---- whether an answer is as it says ------------------------------------------------------

    def operations(self):
        for path, block in self.doc["paths"].items():
            for method, what in block.items():
                if method != "parameters":
                    yield path, method.upper(), what

    def response_of(self, path, method, status):
        responses = self.doc["paths"][path][method.lower()]["responses"]
        r = responses.get(str(status))
        if r is None and status >= 400:
            r = responses["default"]
        return self.resolve(r["$ref"]) if r and "$ref" in r else r

    def faults(self, path, method, status, media, body):
        """What is wrong with an answer: a list of lines."""
        r = self.response_of(path, method, status)
        if r is None:
            return [f"status {status} is not described"]
        content = r.get("content", {})
        media = media.split(";")[0].strip()
        if not content or (not media and not body and status < 300 and "application/json" not in content):
            return [f"{len(body)} bytes where nothing follows"] if body else []
        if media not in content:
            return [f"status {status} as '{media}', not as {', '.join(content)}"]
        if media == "text/plain" and status >= 400 and status not in (400, 408, 413, 414, 431, 501, 503):
            return [f"an error of status {status} that is no JSON"]
        if "schema" not in content[media]:
            return []
        try:
            value = json.loads(body, object_pairs_hook=no_twice)
        except ValueError as e:
            return [f"no JSON: {e}"]
        out = []
        self.validate(value, content[media]["schema"], "", "", out)
        return out

    def validate(self, v, s, where, key, out):
        if "$ref" in s:
            key = s["$ref"].rsplit("/", 1)[1]
            s = self.resolve(s["$ref"])
        types = types_of(s)
        if not any(TYPES[t](v) for t in types):
            out.append(f"{where or 'the whole'}: {json.dumps(v)[:80]} is not of type {' or '.join(types)}")
            return
        if "enum" in s and not any(v == e and type(v) is type(e) for e in s["enum"]):
            out.append(f"{where}: {json.dumps(v)[:80]} is none of {s['enum']}")
        if isinstance(v, str) and not re.search(s.get("pattern", ""), v):
            out.append(f"{where}: {json.dumps(v)[:80]} is not as {s['pattern']}")
        if TYPES["integer"](v) and v < s.get("minimum", v):
            out.append(f"{where}: {v} is below {s['minimum']}")
        if isinstance(v, dict):
            self.validate_members(v, s, where, key, out)
        if isinstance(v, list):
            for i, item in enumerate(v):
                self.shown.add(f"{key}[]")
                self.validate(item, s["items"], f"{where}[{i}]", f"{key}[]", out)

    def validate_members(self, v, s, where, key, out):
        out += [f"{where}: '{name}' is missing" for name in s.get("required", []) if name not in v]
        for name, member in v.items():
            if name in s.get("properties", {}):
                self.shown.add(f"{key}.{name}" + ("=null" if member is None else ""))
                self.validate(member, s["properties"][name], f"{where}.{name}", f"{key}.{name}", out)
            elif isinstance(s.get("additionalProperties", True), dict):
                self.validate(member, s["additionalProperties"], f"{where}.{name}", f"{key}.*", out)
            elif not s.get("additionalProperties", True):
                out.append(f"{where}: nobody described '{name}'")

    # ---- what no answer has shown yet ------------------------------------------------------------

    def promised(self):
        """Every member, every null, every list of successful answers, by the name of its schema."""
        out, done = set(), set()
        for _, _, what in self.operations():
            for status, r in what["responses"].items():
                schema = r.get("content", {}).get("application/json", {}).get("schema")
                if schema and status.startswith("2"):
                    self.promise(schema, "", out, done)
        return out

    def promise(self, s, key, out, done):
        if "$ref" in s:
            key = s["$ref"].rsplit("/", 1)[1]
            s = self.resolve(s["$ref"])
            if key in done:
                return
            done.add(key)
        for name, p in s.get("properties", {}).items():
            out.add(f"{key}.{name}")
            if "null" in types_of(self.resolve(p["$ref"]) if "$ref" in p else p):
                out.add(f"{key}.{name}=null")
            self.promise(p, f"{key}.{name}", out, done)
        if "items" in s:
            out.add(f"{key}[]")
            self.promise(s["items"], f"{key}[]", out, done)


# ---- that it finds what is wrong -----------------------------------------------------------------

BROKEN = {  # what stands in the document, and what it is made into
    "a keyword that nobody checks": ("    Count: {type: integer, minimum: 0", "    Count: {type: integer, maximum: 9, minimum: 0"),
    "a type that there is not": ("    Count: {type: integer", "    Count: {type: number"),
    "a reference that leads nowhere": ('items: {$ref: "#/components/schemas/Alarm"}', 'items: {$ref: "#/components/schemas/Alrm"}'),
    "a schema that nobody refers to": ("    Hash64: {", "    Hash1: {type: string}\n    Hash64: {"),
    "schemas in disorder": ("    Count: {", "    Zount: {"),
    "a required member that is not described": ("required: [alarms]", "required: [alarms, more]"),
    "a member twice": ("        open: {type: boolean}\n", "        open: {type: boolean}\n        open: {type: boolean}\n"),
    "a path's parameter that is not declared": ("/v1/alarms/{alarm}/close:", "/v1/alarms/{other}/close:"),
    "an operation without answers": ("  /v1/alarms:\n    get:\n      summary:", "  /v1/alarms:\n    get:\n      responses2: {}\n      summary:"),
    "two calls of one id": ('      summary: "list alarms"\n', '      summary: "list alarms"\n      operationId: a\n'),
    "JSON without a schema": ('content: {application/json: {schema: {$ref: "#/components/schemas/Server"}}}', "content: {application/json: {}}"),
    "another version": ("openapi: 3.1.0", "openapi: 3.0.3"),
}


def self_test(path):
    """Every change of BROKEN is found. Prints what is not."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    missed = 0
    for what, (old, new) in BROKEN.items():
        broken = text.replace(old, new, 1)
        if "operationId" in new:
            broken = broken.replace('      summary: "list requests for early deletion"\n', '      summary: "list requests for early deletion"\n      operationId: a\n', 1)
        with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as f:
            f.write(broken)
            f.flush()
            try:
                Document(f.name)
                missed += 1
                print("WRONG: not found:", what)
            except Malformed as e:
                missed += broken == text
                print(f"{what}: {e}")
    return missed


def main():
    """openapi.py OPENAPI: whether it is well formed, and what makes it otherwise is found. openapi.py OPENAPI FILE: whether FILE is an error
    as it describes them."""
    document = Document(sys.argv[1])
    if len(sys.argv) == 2:
        sys.exit(1 if self_test(sys.argv[1]) else 0)
    out = []
    with open(sys.argv[2], encoding="utf-8") as f:
        document.validate(json.load(f, object_pairs_hook=no_twice), {"$ref": "#/components/schemas/Error"}, "", "", out)
    for line in out:
        print("WRONG:", line)
    sys.exit(1 if out else 0)


if __name__ == "__main__":
    main()
