// A sign-in link carries its token behind the `#`, which no server and no log ever sees. It is taken out of the address at once.
function take() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!given) return;
  history.replaceState(null, "", location.pathname);
  document.getElementById("token").value = given;
  document.getElementById("sign-in").requestSubmit();
}
addEventListener("hashchange", take);
take();
