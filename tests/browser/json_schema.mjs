// As much of JSON Schema 2020-12 as docs/state.schema.json uses. A keyword that is not known here
// is an error, so that nothing in the schema goes unchecked.

const NOTES = new Set(["$schema", "$defs", "title", "description"]);

function typeOf(value) {
    if (value === null) return "null";
    if (Array.isArray(value)) return "array";
    return typeof value;
}

function isType(value, type) {
    if (type === "integer") return Number.isInteger(value);
    return typeOf(value) === type;
}

const KEYWORDS = {
    type: (types, value) =>
        [types].flat().some((type) => isType(value, type))
            ? []
            : [`is ${typeOf(value)}, not ${types}`],
    enum: (values, value) =>
        values.includes(value) ? [] : [`${JSON.stringify(value)} is not one of the values`],
    minimum: (least, value) =>
        typeof value !== "number" || value >= least ? [] : [`${value} is below ${least}`],
    maximum: (most, value) =>
        typeof value !== "number" || value <= most ? [] : [`${value} is above ${most}`],
    minItems: (least, value) =>
        !Array.isArray(value) || value.length >= least ? [] : ["has too few items"],
    maxItems: (most, value) =>
        !Array.isArray(value) || value.length <= most ? [] : ["has too many items"],
    pattern: (pattern, value) =>
        typeof value !== "string" || new RegExp(pattern, "u").test(value)
            ? []
            : [`${value} has another form`],
    required: (names, value) =>
        typeOf(value) !== "object"
            ? []
            : names.filter((name) => !(name in value)).map((name) => `${name} is missing`),
    items: (schema, value, at, root) =>
        Array.isArray(value)
            ? value.flatMap((item, i) => faults(schema, item, `${at}/${i}`, root))
            : [],
    properties: (schemas, value, at, root) =>
        typeOf(value) !== "object"
            ? []
            : Object.entries(schemas)
                  .filter(([name]) => name in value)
                  .flatMap(([name, schema]) => faults(schema, value[name], `${at}/${name}`, root)),
    additionalProperties: (schema, value, at, root, whole) =>
        typeOf(value) !== "object"
            ? []
            : Object.keys(value)
                  .filter((name) => !(name in (whole.properties ?? {})))
                  .flatMap((name) =>
                      schema === false
                          ? [`${name} is not known`]
                          : faults(schema, value[name], `${at}/${name}`, root),
                  ),
    anyOf: (schemas, value, at, root) =>
        schemas.some((schema) => faults(schema, value, at, root).length === 0)
            ? []
            : ["is none of what it may be"],
    $ref: (ref, value, at, root) => {
        const target = ref.replace("#/$defs/", "");
        if (!(target in root.$defs)) throw new Error(`schema: no ${ref}`);
        return faults(root.$defs[target], value, at, root);
    },
};

// What is wrong with `value`, one line each; none: it agrees.
export function faults(schema, value, at = "", root = schema) {
    return Object.entries(schema).flatMap(([keyword, wanted]) => {
        if (NOTES.has(keyword)) return [];
        if (!(keyword in KEYWORDS)) throw new Error(`schema: keyword ${keyword} is not known`);
        return KEYWORDS[keyword](wanted, value, at, root, schema).map((fault) =>
            fault.startsWith("/") ? fault : `${at || "/"}: ${fault}`,
        );
    });
}
