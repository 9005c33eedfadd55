'use strict';

// The server prints an address that ends in #token=TOKEN if it wants a token.
const token = new URLSearchParams(location.hash.slice(1)).get('token');

function ask(path, options = {}) {
  const headers = token ? {Authorization: 'Bearer ' + token} : {};
  return fetch(path, {...options, headers});
}

ask('/v1/model').then(answer => answer.json()).then(model => {
  document.getElementById('model').textContent = 'Model: ' + model.model;
});
