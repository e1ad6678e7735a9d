import { finishLogin, loginOf } from './session.js'

const parameters = new URLSearchParams(location.search)
const login = loginOf(parameters.get('state') ?? '')
const what = document.getElementById('what')
if (login === undefined) what.textContent = 'The code verifier of this login is not in this browser.'
else {
  const { viewer } = await finishLogin(parameters.get('code'), login)
  if (login.returnTo) location.replace(login.returnTo)
  else what.textContent = viewer.displayName
}
