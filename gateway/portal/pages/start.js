const KEYWORD = /^(token|bearer) /i;

const ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  persistAuthorization: true,
  displayRequestDuration: true,
  validatorUrl: null, // Documents stay here: no outside validator is asked.
  requestInterceptor: withKeyword,
});

// Whoever pastes a bare token into "Authorize" means it, too.
function withKeyword(request) {
  const sent = request.headers.Authorization;
  if (sent && !KEYWORD.test(sent)) request.headers.Authorization = `Token ${sent}`;
  return request;
}

const form = document.getElementById("sign-in");
const said = document.getElementById("said");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    said.textContent = await signIn(new URLSearchParams(new FormData(form)));
  } catch {
    said.textContent = "The server does not answer.";
  }
});

async function signIn(credentials) {
  const answer = await fetch("/auth/login/", { method: "POST", body: credentials });
  const body = await answer.json();
  if (!answer.ok) return Object.values(body).flat().join(" ");
  ui.preauthorizeApiKey("Token", `Token ${body.token}`);
  ui.authActions.persistAuthorizationIfNeeded();
  form.reset();
  return `Signed in as ${credentials.get("username")}. Requests on this page carry your token.`;
}
