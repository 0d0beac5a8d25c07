import java.io.*;
import java.net.Socket;
import java.nio.charset.StandardCharsets;

public class NioClient {
    public static void main(String[] args) throws IOException {
        String role = args[2], topic = args[3];
        try (Socket s = new Socket(args[0], Integer.parseInt(args[1]))) {
            Writer w = new OutputStreamWriter(s.getOutputStream(), StandardCharsets.UTF_8);
            w.write(role + ":" + topic + "\n");
            w.flush();
            System.out.println(role.toLowerCase() + " of \"" + topic + "\" connected");
            Thread t = new Thread(() -> {
                try (BufferedReader r = new BufferedReader(new InputStreamReader(s.getInputStream()))) {
                    for (String l; (l = r.readLine()) != null; ) System.out.println("[" + l.replaceFirst(":", "] "));
                } catch (IOException e) { }
            });
            t.setDaemon(true);
            t.start();
            BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
            for (String l; (l = in.readLine()) != null; ) {
                w.write(l.equals("terminate") ? "terminate\n" : topic + ":" + l + "\n");
                w.flush();
                if (l.equals("terminate")) break;
            }
        }
    }
}
