(function () {
  'use strict';
  function hex(buffer) {
    return Array.from(new Uint8Array(buffer), function (b) { return b.toString(16).padStart(2, '0'); }).join('');
  }
  async function solve(c) {
    var encoder = new TextEncoder();
    var started = Date.now();
    for (var n = 0; n <= c.maxnumber; n++) {
      var sum = await crypto.subtle.digest('SHA-256', encoder.encode(c.salt + n));
      if (hex(sum) === c.challenge) {
        return { algorithm: c.algorithm, challenge: c.challenge, number: n, salt: c.salt, signature: c.signature, took: Date.now() - started };
      }
      if (n % 500 === 499) { // let the page breathe
        await new Promise(function (resume) { setTimeout(resume, 0); });
      }
    }
    throw new Error('no solution');
  }
  document.querySelectorAll('[data-altcha]:not([data-altcha-state])').forEach(function (box) {
    box.setAttribute('data-altcha-state', 'working');
    var field = box.querySelector('input');
    var status = box.querySelector('output');
    var form = box.closest('form');
    var waiting = null;
    function early(event) {
      event.preventDefault();
      waiting = { by: event.submitter };
    }
    if (form) { form.addEventListener('submit', early); }
    solve(JSON.parse(box.getAttribute('data-altcha'))).then(function (solution) {
      field.value = btoa(JSON.stringify(solution));
      status.textContent = box.getAttribute('data-done');
      box.setAttribute('data-altcha-state', 'done');
    }, function () {
      box.setAttribute('data-altcha-state', 'failed');
    }).then(function () {
      if (!form) { return; }
      form.removeEventListener('submit', early);
      if (waiting) { form.requestSubmit(waiting.by); }
    });
  });
})();
