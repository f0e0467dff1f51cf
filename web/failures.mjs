// A reporter for vitest: what failed, and what passed only when it was tried again, a line each, into the file that
// FANPIAO_FAILURES names. `cargo xtask test` says it once more at its very end, thousands of lines further down.

import { writeFileSync } from 'node:fs'

const firstLine = (error) => String(error?.message ?? error).split('\n')[0]

export default class Failures {
  onTestRunEnd(modules, unhandled) {
    const file = process.env.FANPIAO_FAILURES
    if (!file) return
    const said = unhandled.map((error) => `nobody caught: ${firstLine(error)}`)
    for (const module of modules) {
      const place = `${module.project.name} ${module.relativeModuleId}`
      said.push(...module.errors().map((error) => `${place}: ${firstLine(error)}`))
      for (const test of module.children.allTests()) {
        const { state, errors = [] } = test.result()
        const again = test.diagnostic()?.flaky
        if (state !== 'failed' && !again) continue
        said.push(`${place} > ${test.fullName}${again ? ' (passed when tried again)' : ''}: ${firstLine(errors[0])}`)
      }
    }
    writeFileSync(file, said.map((line) => `${line}\n`).join(''))
  }
}
