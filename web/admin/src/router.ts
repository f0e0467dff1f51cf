import { watchEffect } from 'vue'
import { createRouter, createWebHistory, type RouteRecordRaw } from 'vue-router'

import { api, ApiError } from '@/api'
import { t } from '@/i18n'
import { guard } from '@/lib/unsaved'
import { sections } from '@/navigation'
import { leave, may, me, type Permission, token } from '@/session'

export type PageName = Exclude<keyof typeof t.value.nav, 'groups'>

declare module 'vue-router' {
  interface RouteMeta {
    /** The page's name among the texts of the navigation. */
    page?: PageName
    /** Without it the page is neither shown nor listed. */
    needs?: Permission
  }
}

const listed = sections.flatMap(({ pages }) => pages)
const pages: RouteRecordRaw[] = [
  ...listed.map(({ name, path, needs, component }) => ({ path, name, meta: { page: name, needs }, component })),
  { path: '/meals/:id(\\d+)', meta: { page: 'meals', needs: 'meal:read' }, component: () => import('@/pages/Meal.vue') },
  { path: '/meals/:id(\\d+)/kitchen', meta: { page: 'meals', needs: 'meal:read_orders' }, component: () => import('@/pages/Kitchen.vue') },
  { path: '/members/:id(\\d+)', meta: { page: 'members', needs: 'member:read' }, component: () => import('@/pages/Member.vue') },
  { path: '/departments/:id(\\d+)', meta: { page: 'departments', needs: 'member:read' }, component: () => import('@/pages/Department.vue') },
  { path: '/roles/:code([a-z][a-z0-9_]*)', meta: { page: 'roles', needs: 'member:read' }, component: () => import('@/pages/Role.vue') },
  { path: '/products/:id(\\d+)', meta: { page: 'products', needs: 'shop:write' }, component: () => import('@/pages/Product.vue') },
  { path: '/rounds/:id(\\d+)', meta: { page: 'rounds', needs: 'shop:orders' }, component: () => import('@/pages/Round.vue') },
  { path: '/devices/:id(\\d+)', meta: { page: 'devices', needs: 'cabinet:read' }, component: () => import('@/pages/Device.vue') },
  { path: '/devices/:id(\\d+)/planogram', meta: { page: 'devices', needs: 'cabinet:write' }, component: () => import('@/pages/Planogram.vue') },
  { path: '/stores/:id(\\d+)', meta: { page: 'stores', needs: 'cabinet:read' }, component: () => import('@/pages/Store.vue') },
  { path: '/cabinet-orders/:no', meta: { page: 'cabinetOrders', needs: 'cabinet:read' }, component: () => import('@/pages/CabinetOrder.vue') },
  { path: '/openings/:no', meta: { page: 'openings', needs: 'cabinet:read' }, component: () => import('@/pages/Opening.vue') },
  { path: '/complaints/:id(\\d+)', meta: { page: 'complaints', needs: 'complaint:handle' }, component: () => import('@/pages/Complaint.vue') },
  { path: '/payments/:no', meta: { page: 'payments', needs: 'wallet:read' }, component: () => import('@/pages/Payment.vue') },
  { path: '/reports/:kind(daily|exceptions|health)/:date', meta: { page: 'reports', needs: 'report:read' }, component: () => import('@/pages/Report.vue') },
  { path: '/jobs/:name([a-z-]+)', meta: { page: 'jobs', needs: 'job:run' }, component: () => import('@/pages/JobRuns.vue') },
  { path: '/account', name: 'account', meta: { page: 'account' }, component: () => import('@/pages/Account.vue') },
]

export const router = createRouter({
  history: createWebHistory(import.meta.env.BASE_URL),
  routes: [
    { path: '/unreachable', name: 'unreachable', component: () => import('@/pages/Unreachable.vue') },
    { path: '/sign-in', name: 'sign-in', component: () => import('@/pages/SignIn.vue') },
    {
      path: '/',
      component: () => import('@/components/AppShell.vue'),
      children: [
        ...pages,
        { path: ':rest(.*)*', name: 'not-found', component: () => import('@/pages/NotFound.vue') },
      ],
    },
  ],
  scrollBehavior: (_to, _from, saved) => saved ?? { top: 0 },
})

guard(router)
router.beforeEach(async (to) => {
  if (to.name === 'sign-in' || to.name === 'unreachable') return true
  if (!token.value) return { name: 'sign-in', query: to.fullPath === '/' ? {} : { to: to.fullPath } }
  if (!me.value) {
    try {
      me.value = await api.get('/api/v1/auth/me')
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      if (error.status !== 401) return { name: 'unreachable', query: { to: to.fullPath, said: error.message } }
      leave()
      return false
    }
  }
  return true
})

/** A page of a build that the server has replaced meanwhile is fetched anew with everything else; once, and not for ever. */
addEventListener('vite:preloadError', () => {
  const KEY = 'fanpiao.reloaded'
  if (Date.now() - Number(sessionStorage.getItem(KEY)) < 10_000) return
  sessionStorage.setItem(KEY, String(Date.now()))
  location.reload()
})

watchEffect(() => {
  const page = router.currentRoute.value.meta.page
  document.title = page ? t.value.app.title(t.value.nav[page] as string) : t.value.app.name
})

export function isAllowed(needs: Permission | undefined): boolean {
  return needs === undefined || may(needs)
}
