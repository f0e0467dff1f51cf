import { inject, type InjectionKey, provide, reactive, ref } from 'vue'

import { useUnsaved } from './unsaved'

export type Form = ReturnType<typeof useForm>

const FORM: InjectionKey<Form> = Symbol('form')

/**
 * A form: what of it would be lost, and which of its fields may be told what is wrong with them. That is where somebody has been,
 * and everywhere once they tried to save. `state` is all that is typed.
 */
export function useForm(state: () => unknown) {
  const unsaved = useUnsaved(state)
  const tried = ref(false)
  const seen = reactive(new Set<string>())
  /** Changed after the server spoke: what it said is about something else. */
  const corrected = reactive(new Set<string>())

  function change(id: string) {
    seen.add(id)
    corrected.add(id)
  }
  /** Goes onto the form's element: all that happens in its fields comes by there. */
  const listen = {
    input: (event: Event) => change(fieldOf(event.target as Element)),
    change: (event: Event) => change(fieldOf(event.target as Element)),
    focusout: (event: FocusEvent) => {
      const [from, to] = [fieldOf(event.target as Element), event.relatedTarget as Element | null]
      // Who goes for a button must not have it moved away by a message.
      if (!to || ((event.currentTarget as Element).contains(to) && fieldOf(to) !== from)) seen.add(from)
    },
  }

  /** Somebody tries to save. */
  function submit() {
    tried.value = true
    corrected.clear()
  }
  /** From here on it is another form. */
  function restart() {
    tried.value = false
    seen.clear()
    corrected.clear()
    unsaved.kept()
  }
  /** What to tell about a field: what can be seen to be wrong with it, or else what the server said. */
  function problem(id: string, wrong?: string, said?: string): string {
    if (wrong && (tried.value || seen.has(id))) return wrong
    return said && !corrected.has(id) ? said : ''
  }

  const form = { ...unsaved, listen, change, submit, restart, problem }
  provide(FORM, form)
  return form
}

/** A field may be made of more than one input. */
function fieldOf(element: Element): string {
  return element.closest<HTMLElement>('[data-field]')?.dataset.field ?? ''
}

/** The form that a field stands in. */
export function useOwnForm(): Form {
  return inject(FORM)!
}
