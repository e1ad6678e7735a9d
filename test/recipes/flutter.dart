// Flutter, with flutter_line_sdk and package:http.
// NOT RUN by our tests. Written after the source of flutter_line_sdk 2. It does the same as createSdkClient of
// react-native.mjs, which our tests run.
//
// The SDK keeps the refresh token and refreshes. The gateway gets only the access token.
// An outage or a lost network never logs the user out.

import 'dart:convert';

import 'package:flutter_line_sdk/flutter_line_sdk.dart';
import 'package:http/http.dart' as http;

class GatewayClient {
  GatewayClient(this.url, {required this.login});

  /// `https://gateway.example/graphql`
  final Uri url;

  /// Shows the login of your app, which calls `LineSDK.instance.login(scopes: ['profile', 'openid'])`.
  final void Function() login;

  Future<void>? _refreshing;
  String? _endedToken;

  /// Returns `data` and `errors`. Throws if the gateway cannot be reached (or something else answers in its place), or with the SDK's error of a refresh.
  Future<Map<String, dynamic>> ask(String query, [Map<String, dynamic> variables = const {}]) async {
    final used = await _accessToken();
    final answer = await _send(query, variables, used);
    final reason = _refusalIn(answer);
    if (reason == null || used == null) return answer;
    if (reason == 'WRONG_CHANNEL') return answer; // a login would give a token of the same channel
    if (!['EXPIRED', 'INVALID', 'MISSING'].contains(reason)) return _end(answer, used);
    if (used == await _accessToken()) await _refresh();
    final next = await _accessToken();
    final second = await _send(query, variables, next);
    return _refusalIn(second) == null ? second : _end(second, next);
  }

  Future<String?> _accessToken() async => (await LineSDK.instance.currentAccessToken)?.value;

  /// Calls at the same time share one refresh.
  Future<void> _refresh() {
    return _refreshing ??= LineSDK.instance.refreshToken().whenComplete(() => _refreshing = null);
  }

  /// Many questions can end with the same token: one login.
  Map<String, dynamic> _end(Map<String, dynamic> answer, String? accessToken) {
    if (_endedToken != accessToken) login();
    _endedToken = accessToken;
    return answer;
  }

  /// Up to four times: the gateway sends `Retry-After` (seconds) if an error of the answer has `retryAfter`.
  Future<Map<String, dynamic>> _send(String query, Map<String, dynamic> variables, String? accessToken) async {
    for (var tries = 1; ; tries += 1) {
      final response = await http.post(
        url,
        headers: {
          'content-type': 'application/json',
          if (accessToken != null) 'authorization': 'Bearer $accessToken',
        },
        body: jsonEncode({'query': query, 'variables': variables}),
      );
      final seconds = int.tryParse(response.headers['retry-after'] ?? '');
      if (seconds == null || tries == 4) return jsonDecode(utf8.decode(response.bodyBytes));
      await Future<void>.delayed(Duration(seconds: seconds));
    }
  }

  /// The `reason` of a refused access token, or null.
  String? _refusalIn(Map<String, dynamic> answer) {
    for (final error in answer['errors'] ?? const []) {
      if (error['extensions']?['code'] == 'UNAUTHENTICATED') return error['extensions']['reason'];
    }
    return null;
  }
}
