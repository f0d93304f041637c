history.replaceState(null,"",location.pathname);setTimeout(function(){window.close()},700);
