// Before anything is drawn, so that a dark screen does not flash white. src/theme.ts does the rest.
;(function () {
  var chosen = localStorage.getItem('fanpiao.theme')
  var dark = chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches
  document.documentElement.classList.toggle('dark', dark)
})()
