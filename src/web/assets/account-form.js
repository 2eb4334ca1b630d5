// Finding a server or testing it leaves the page where it is: what was typed, the password too, is there still when the test fails. What passes
// is then saved as without this script.
const busy = () => document.getElementById('busy')

document.addEventListener('submit', async event => {
  const form = event.target
  const does = event.submitter?.value ?? 'test-save'
  if (!form.matches('form.account') || does === 'save') return
  event.preventDefault()
  if (form.ariaBusy === 'true') return
  form.ariaBusy = 'true'
  busy().textContent = does === 'find' ? 'Looking for the mail server …' : 'Asking the mail server …'
  try {
    const body = new URLSearchParams(new FormData(form))
    body.set('do', does === 'find' ? 'find' : 'test')
    const answer = await fetch(form.action, { method: 'POST', body })
    if (answer.ok && does === 'test-save') return save(form)
    show(await answer.text(), form)
  } catch {
    busy().textContent = 'Letterlock does not answer. Try again.'
  } finally {
    form.ariaBusy = null
  }
})

function save(form) {
  const input = Object.assign(document.createElement('input'), { type: 'hidden', name: 'do', value: 'save' })
  form.append(input)
  form.submit()
}

/** The answer's page, with the password that was typed in it. */
function show(text, old) {
  const main = new DOMParser().parseFromString(text, 'text/html').querySelector('main')
  const password = main.querySelector('form.account [name=password]')
  if (password !== null) password.value = old.elements.password.value
  main.querySelector('script')?.remove()
  document.querySelector('main').replaceChildren(...main.childNodes)
  document.getElementById('outcome')?.focus()
}
