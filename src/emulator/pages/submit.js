// The page of `response_mode=form_post`: its form goes to the app at once.
document.forms[0].submit()
