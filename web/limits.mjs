// From the API's description, what every field of every request is measured by, so that a form can say so while it is typed:
// `node limits.mjs api/openapi.json api/limits.json`.

import { readFileSync, writeFileSync } from 'node:fs'

const [from, to] = process.argv.slice(2)
const { paths, components } = JSON.parse(readFileSync(from, 'utf8'))
const BOUNDS = ['minLength', 'maxLength', 'minimum', 'maximum', 'minItems', 'maxItems']

const limits = {}
for (const operation of Object.values(paths).flatMap(Object.values)) {
  const name = operation.requestBody?.content?.['application/json']?.schema?.$ref?.split('/').pop()
  if (!name) continue
  const { properties = {}, required = [] } = components.schemas[name]
  limits[name] = Object.fromEntries(
    Object.entries(properties).map(([field, schema]) => [
      field,
      { ...(required.includes(field) ? { required: true } : {}), ...Object.fromEntries(BOUNDS.filter((bound) => bound in schema).map((bound) => [bound, schema[bound]])) },
    ]),
  )
}
writeFileSync(to, `${JSON.stringify(limits, null, 1)}\n`)
