import type { Component } from 'vue'

import type { IconName } from '@/components/Icon.vue'
import type { PageName } from '@/router'
import type { Permission } from '@/session'

export interface Listed {
  name: PageName & IconName
  path: string
  needs?: Permission
  component: () => Promise<{ default: Component }>
}

type Group = 'daily' | 'shop' | 'cabinets' | 'people' | 'money' | 'house'

/** What the navigation lists, in its order. The routes are made from it. */
export const sections: { group: Group; pages: Listed[] }[] = [
  {
    group: 'daily',
    pages: [
      { name: 'dashboard', path: '/', component: () => import('@/pages/Dashboard.vue') },
      { name: 'meals', path: '/meals', needs: 'meal:read', component: () => import('@/pages/Meals.vue') },
      { name: 'dayOrders', path: '/day-orders', needs: 'meal:read_orders', component: () => import('@/pages/DayOrders.vue') },
      { name: 'orders', path: '/orders', needs: 'meal:read_orders', component: () => import('@/pages/Orders.vue') },
      { name: 'pickup', path: '/pickup', needs: 'order:redeem', component: () => import('@/pages/Pickup.vue') },
      { name: 'booking', path: '/booking', needs: 'department:book', component: () => import('@/pages/Booking.vue') },
      { name: 'groupOrders', path: '/group-orders', needs: 'department:book', component: () => import('@/pages/GroupOrders.vue') },
      { name: 'standing', path: '/standing', needs: 'department:book', component: () => import('@/pages/Standing.vue') },
    ],
  },
  {
    group: 'shop',
    pages: [
      { name: 'products', path: '/products', needs: 'shop:write', component: () => import('@/pages/Products.vue') },
      { name: 'rounds', path: '/rounds', needs: 'shop:orders', component: () => import('@/pages/Rounds.vue') },
      { name: 'shopOrders', path: '/shop-orders', needs: 'shop:orders', component: () => import('@/pages/ShopOrders.vue') },
    ],
  },
  {
    group: 'cabinets',
    pages: [
      { name: 'devices', path: '/devices', needs: 'cabinet:read', component: () => import('@/pages/Devices.vue') },
      { name: 'stores', path: '/stores', needs: 'cabinet:read', component: () => import('@/pages/Stores.vue') },
      { name: 'cabinetOrders', path: '/cabinet-orders', needs: 'cabinet:read', component: () => import('@/pages/CabinetOrders.vue') },
      { name: 'corrections', path: '/corrections', needs: 'cabinet:correct', component: () => import('@/pages/Corrections.vue') },
      { name: 'complaints', path: '/complaints', needs: 'complaint:handle', component: () => import('@/pages/Complaints.vue') },
      { name: 'openings', path: '/openings', needs: 'cabinet:read', component: () => import('@/pages/Openings.vue') },
      { name: 'cabinetStats', path: '/cabinet-stats', needs: 'cabinet:read', component: () => import('@/pages/CabinetStats.vue') },
    ],
  },
  {
    group: 'people',
    pages: [
      { name: 'members', path: '/members', needs: 'member:read', component: () => import('@/pages/Members.vue') },
      { name: 'departments', path: '/departments', needs: 'member:read', component: () => import('@/pages/Departments.vue') },
      { name: 'roles', path: '/roles', needs: 'member:read', component: () => import('@/pages/Roles.vue') },
    ],
  },
  {
    group: 'money',
    pages: [
      { name: 'wallets', path: '/wallets', needs: 'wallet:read', component: () => import('@/pages/Wallets.vue') },
      { name: 'payments', path: '/payments', needs: 'wallet:read', component: () => import('@/pages/Payments.vue') },
      { name: 'refunds', path: '/refunds', needs: 'wallet:read', component: () => import('@/pages/Refunds.vue') },
      { name: 'exceptions', path: '/exceptions', needs: 'exception:read', component: () => import('@/pages/Exceptions.vue') },
      { name: 'reconciliation', path: '/reconciliation', needs: 'consistency:read', component: () => import('@/pages/Reconciliation.vue') },
    ],
  },
  {
    group: 'house',
    pages: [
      { name: 'consistency', path: '/consistency', needs: 'consistency:read', component: () => import('@/pages/Consistency.vue') },
      { name: 'alerts', path: '/alerts', needs: 'alert:read', component: () => import('@/pages/Alerts.vue') },
      { name: 'reports', path: '/reports', needs: 'report:read', component: () => import('@/pages/Reports.vue') },
      { name: 'jobs', path: '/jobs', needs: 'job:run', component: () => import('@/pages/Jobs.vue') },
      { name: 'audit', path: '/audit', needs: 'audit:read', component: () => import('@/pages/Audit.vue') },
      { name: 'settings', path: '/settings', needs: 'settings:read', component: () => import('@/pages/Settings.vue') },
    ],
  },
]
