// The one place that loads ECharts, and only the parts in use.

import { BarChart } from 'echarts/charts'
import { GridComponent, TooltipComponent } from 'echarts/components'
import * as echarts from 'echarts/core'
import { CanvasRenderer } from 'echarts/renderers'

echarts.use([BarChart, GridComponent, TooltipComponent, CanvasRenderer])

interface Shown {
  days: string[]
  series: { name: string; values: number[] }[]
  marked?: string
}

export function draw(place: HTMLElement) {
  const chart = echarts.init(place)

  function show({ days, series, marked }: Shown) {
    const style = getComputedStyle(document.documentElement)
    const colour = (name: string) => style.getPropertyValue(name).trim()
    chart.setOption(
      {
        animation: false,
        color: series.map((_, at) => colour(`--chart-${at + 1}`)),
        textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
        grid: { left: 8, right: 8, top: 12, bottom: 4, containLabel: true },
        // Drawn on the canvas: one made of elements would bring style attributes, which the server's policy forbids.
        tooltip: {
          trigger: 'axis',
          renderMode: 'richText',
          axisPointer: { type: 'shadow' },
          backgroundColor: colour('--surface'),
          borderColor: colour('--line'),
          textStyle: { color: colour('--ink') },
        },
        xAxis: {
          type: 'category',
          // The house's own day stands out.
          data: days.map((value) => (value === marked ? { value, textStyle: { fontWeight: 700, color: colour('--brand') } } : value)),
          axisLabel: { color: colour('--ink-faint'), formatter: (day: string) => day.slice(5) },
          axisLine: { lineStyle: { color: colour('--line') } },
          axisTick: { show: false },
        },
        yAxis: {
          type: 'value',
          minInterval: 1,
          axisLabel: { color: colour('--ink-faint') },
          splitLine: { lineStyle: { color: colour('--line') } },
        },
        series: series.map(({ name, values }) => ({ type: 'bar', stack: 'all', name, data: values, barMaxWidth: 28 })),
      },
      true,
    )
  }

  return { show, resize: () => chart.resize(), end: () => chart.dispose() }
}
