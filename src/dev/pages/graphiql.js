import { readSession } from './session.js'

readSession()
