<?php
// Put before every page of DokuWiki by `auto_prepend_file`: the wiki itself is as Debian has it.
// It has its configuration elsewhere, and its answers say who is signed in.
define('DOKU_MAIN_CONF', getenv('WIKI_CONF'));
define('DOKU_CONF', getenv('WIKI_CONF') . '/');

header_register_callback(function () {
    $user = $_SERVER['REMOTE_USER'] ?? '';
    if ($user === '') {
        return;
    }
    $about = $GLOBALS['USERINFO'] ?? [];
    header('X-Session-User: ' . rawurlencode($user));
    header('X-Session-Name: ' . rawurlencode($about['name'] ?? ''));
    header('X-Session-Mail: ' . ($about['mail'] ?? ''));
    header('X-Session-Groups: ' . implode(',', $about['grps'] ?? []));
});
