import { computed, ref, shallowRef, watch, type Ref } from 'vue'
import { api } from '@/api'
import { isMoving, isOver, pauseAfter, openingFace, type Opening } from '@/logic/cabinets'
import type { Trouble } from '@/logic/trouble'
import { useLine } from './line'
import { noteTrouble } from './loading'
import { network } from './network'
import { own } from './session'
import { keep, kept, storage } from './storage'

/** The number of the opening whose end this member has not seen yet: it outlives the app. */
export const openingKept = () => kept<string>(own('opening'))
export const keepOpening = (sessionNo: string) => keep(own('opening'), sessionNo)

/** How an opening goes, as long as it is shown. It is only looked at: nothing here asks for a door. */
export function useOpening(sessionNo: Ref<string>) {
  const opening = shallowRef<Opening>()
  const trouble = shallowRef<Trouble>()
  /** How many looks have told nothing new. */
  const looks = ref(0)
  const face = computed(() => opening.value && openingFace(opening.value, looks.value))

  /** Whoever hears of the opening says it here. */
  function heard(found: Opening) {
    looks.value = found.status === opening.value?.status ? looks.value + 1 : 0
    opening.value = found
    trouble.value = undefined
    if (!isOver(found)) keepOpening(found.session_no)
    else if (openingKept() === found.session_no) storage.drop(own('opening'))
  }

  let shown = false
  let turn = 0
  let timer: ReturnType<typeof setTimeout> | undefined

  /** Goes on after a while, ever less often. Whoever is told what happens only counts for how long nothing has. */
  function wait(): void {
    clearTimeout(timer)
    const after = shown && opening.value ? pauseAfter(opening.value, looks.value) : undefined
    if (after) timer = setTimeout(goOn, after)
  }
  function goOn(): void {
    if (!line.isLive()) return void look()
    looks.value++
    wait()
  }

  /** Looks, and goes on looking. A look that fails changes nothing in the cabinet: the next one follows by itself. */
  async function look(): Promise<void> {
    clearTimeout(timer)
    const mine = ++turn
    try {
      const found = await api.get('/api/v1/cabinet/sessions/{session_no}', { path: { session_no: sessionNo.value } })
      if (mine !== turn) return
      heard(found)
      if (shown && isMoving(found)) line.open()
    } catch (error) {
      if (mine !== turn) return
      looks.value++
      trouble.value = noteTrouble(error)
      if (trouble.value.fate === 'refused' || trouble.value.fate === 'signed_out') return
    }
    wait()
  }

  const line = useLine(
    sessionNo,
    (found) => {
      turn++
      heard(found)
      wait()
    },
    wait,
  )

  watch(
    () => network.online,
    () => {
      if (!shown) return
      line.close()
      void look()
    },
  )

  function show() {
    shown = true
    void look()
  }
  function hide() {
    shown = false
    turn++
    clearTimeout(timer)
    line.close()
  }

  return { opening, trouble, face, look, show, hide }
}
