import vue from 'eslint-plugin-vue'
import tseslint from 'typescript-eslint'

import rules from '../lint.mjs'

export default rules({ tseslint, vue })
