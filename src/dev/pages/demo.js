import { readSession } from './session.js'

document.querySelector('h1').title = readSession() === undefined ? 'nobody is logged in' : 'logged in'
