import java.io.*;
import java.net.*;

/** A client that needs a console: there is one only where input and output are a terminal. */
public class Console {
    public static void main(String[] args) throws Exception {
        Socket socket = new Socket(args[0], Integer.parseInt(args[1]));
        BufferedReader in = new BufferedReader(new InputStreamReader(socket.getInputStream(), "UTF-8"));
        PrintWriter out = new PrintWriter(new OutputStreamWriter(socket.getOutputStream(), "UTF-8"), true);
        java.io.Console console = System.console();
        String role = console.readLine("Enter your role (PUBLISHER/SUBSCRIBER) : ");
        out.print(role + "\n");
        out.flush();
        Thread shows = new Thread(() -> {
            try {
                for (String line; (line = in.readLine()) != null; ) {
                    System.out.println(line);
                }
            } catch (IOException e) {
                System.out.println(e);
            }
            System.exit(0);
        });
        shows.setDaemon(true);
        shows.start();
        for (String line; (line = console.readLine()) != null; ) {
            out.print(line + "\n");
            out.flush();
            if (line.trim().equals("terminate")) {
                System.exit(0);
            }
        }
        shows.join();
    }
}
