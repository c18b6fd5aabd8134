// Asks the browser for a passkey and sends its answer with the form. It does nothing else, and only the
// pages that ask for a passkey load it: sign-in, enrolment, account, and the touch for an approval.
"use strict";

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer) => buffer == null ? null
  : btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const named = (list) => (list || []).map((it) => ({ ...it, id: bytes(it.id) }));

async function make(options) {
  options.challenge = bytes(options.challenge);
  options.user.id = bytes(options.user.id);
  options.excludeCredentials = named(options.excludeCredentials);
  const made = await navigator.credentials.create({ publicKey: options });
  return {
    id: made.id, rawId: text(made.rawId), type: made.type,
    response: {
      attestationObject: text(made.response.attestationObject),
      clientDataJSON: text(made.response.clientDataJSON),
    },
  };
}

async function sign(options) {
  options.challenge = bytes(options.challenge);
  options.allowCredentials = named(options.allowCredentials);
  const signed = await navigator.credentials.get({ publicKey: options });
  return {
    id: signed.id, rawId: text(signed.rawId), type: signed.type,
    response: {
      authenticatorData: text(signed.response.authenticatorData),
      clientDataJSON: text(signed.response.clientDataJSON),
      signature: text(signed.response.signature),
      userHandle: text(signed.response.userHandle),
    },
  };
}

const WORDS = {
  NotAllowedError: "The passkey was not used: it was called off, took too long, or is not on this device. Try again.",
  InvalidStateError: "This passkey is added already.",
  SecurityError: "The browser makes no passkeys for this address. Open the console by its host name.",
};

for (const form of document.querySelectorAll("form[data-passkey]")) {
  const said = form.querySelector("[data-said]");
  const button = form.querySelector("button");
  if (!window.PublicKeyCredential) {
    said.textContent = "This browser knows no passkeys.";
    said.hidden = false;
    continue;
  }
  button.disabled = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    said.hidden = true;
    button.disabled = true;
    try {
      const { publicKey } = JSON.parse(form.dataset.options);
      const answer = await (form.dataset.passkey === "make" ? make : sign)(publicKey);
      form.elements.answer.value = JSON.stringify(answer);
      form.submit();
    } catch (error) {
      said.textContent = WORDS[error.name] || "The passkey was not used. Try again.";
      said.hidden = false;
      button.disabled = false;
    }
  });
}
